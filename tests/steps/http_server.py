"""A small HTTP/1.1 server on loopback, which can also misbehave: hang, drop, break off."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """`hang`: never answer. `drop`: close without a word. `cut`: send only so many bytes of the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    drop: bool = False
    cut: int | None = None
    delay: float = 0.0

    @classmethod
    def of_json(cls, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> "Reply":
        return cls(status, json.dumps(value).encode(), {"content-type": "application/json", **(headers or {})})


@dataclass
class Server:
    address: str = ""
    requests: list[Request] = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0


@asynccontextmanager
async def serving(answer: Callable[[Request], Reply]) -> AsyncIterator[Server]:
    server = Server()
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await _converse(server, answer, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # the client went away, or the test is over
        finally:
            connections.discard(task)
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _converse(
    server: Server, answer: Callable[[Request], Reply], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while (request := await _read(reader)) is not None:
        server.requests.append(request)
        server.at_once += 1
        server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            reply = answer(request)
            await asyncio.sleep(3600 if reply.hang else reply.delay)
        finally:
            server.at_once -= 1
        if reply.drop:
            return
        writer.write(_spell(reply))
        await writer.drain()
        if reply.cut is not None:
            return


async def _read(reader: asyncio.StreamReader) -> Request | None:
    first = await reader.readline()
    if not first:
        return None
    method, path, _ = first.decode().split(" ", 2)
    headers = {}
    while (line := (await reader.readline()).decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)


def _spell(reply: Reply) -> bytes:
    headers = {"content-length": str(len(reply.body)), **reply.headers}
    head = f"HTTP/1.1 {reply.status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode() + b"\r\n" + reply.body[: reply.cut]
