"""Takes calls from the parent, runs many at once, answers each.

One thread reads frames, the main thread runs async tools in its event loop, a pool of threads runs sync ones; each
writes its own answers. So a tool that blocks the loop holds up neither sync tools nor the end of the process.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import mmap
import os
import select
import socket
import sys
import threading
import time
from typing import Any

from . import frames
from .calls import Call, Refused, within
from .pool import Pool
from .tools import Tools
from .values import encode, failure

FAREWELL = 2.0  # seconds for `atexit` functions and the like


class Host:
    """`begun` is shared with the parent: a byte for each call, set when it begins, readable after our death."""

    def __init__(self, connection: socket.socket, begun: mmap.mmap, tools: Tools, threads: int, limit: int) -> None:
        self._connection = connection
        self._begun = begun
        self._tools = tools
        self._limit = limit
        self._reader = frames.Reader(connection)
        self._writer = frames.Writer(connection)
        self._calls: dict[int, Call] = {}
        self._pool = Pool(self._run_sync, threads)
        self._loop = asyncio.new_event_loop()

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        threading.Thread(target=self._read, name="frames", daemon=True).start()
        self._writer.send(frames.READY, 0, json.dumps({"python": sys.version.split()[0]}).encode())
        self._loop.run_forever()

    def _read(self) -> None:
        try:
            self._obey()
        finally:  # whatever ends the reading, a host that nobody can reach must not live on
            self._loop.call_soon_threadsafe(self._loop.stop)
            time.sleep(FAREWELL)
            os._exit(0)

    def _obey(self) -> None:
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        while True:
            if self._pool.keep_up() and not poll.poll(1):
                continue
            received = self._reader.read()
            if received is None:
                return
            self._take(received)

    def _take(self, received: list[tuple[int, int, bytes]]) -> None:
        in_loop: list[Call] = []
        for kind, number, body in received:
            if kind == frames.CALL:
                self._accept(Call(number, body), in_loop)
            elif kind == frames.CANCEL:
                self._cancel(number)
        if in_loop:
            self._loop.call_soon_threadsafe(self._start, in_loop)

    def _accept(self, call: Call, in_loop: list[Call]) -> None:
        self._calls[call.number] = call
        function = self._tools.known.get(call.target)
        if function is not None and function.is_async:
            in_loop.append(call)
        else:
            self._pool.put(call)  # an unknown one too: importing it must not hold up the others

    def _cancel(self, number: int) -> None:
        call = self._calls.get(number)
        if call is None:
            return
        call.cancelled = True
        if call.task is not None:
            self._loop.call_soon_threadsafe(call.task.cancel)
        elif call.begun:
            call.holds_thread = True
            self._pool.lose_thread()

    def _start(self, calls: list[Call]) -> None:
        for call in calls:
            call.task = self._loop.create_task(self._run_async(call))

    def _run_sync(self, call: Call) -> None:
        try:
            function = self._tools.find(call.target)
            if function.is_async:
                self._loop.call_soon_threadsafe(self._start, [call])
                return
            arguments = function.bind(call.arguments)
            if self._begin(call):
                self._return(call, contextvars.copy_context().run(within, call.context, function.call, arguments))
        except BaseException as error:
            self._answer(call, frames.FAILED, failure(error))
        if call.holds_thread:
            self._pool.regain_thread()

    async def _run_async(self, call: Call) -> None:
        try:
            function = self._tools.known[call.target]
            arguments = function.bind(call.arguments)
            if self._begin(call):
                self._return(call, await within(call.context, function.call, arguments))
        except BaseException as error:
            self._answer(call, frames.FAILED, failure(error))

    def _begin(self, call: Call) -> bool:
        if not call.may_begin():
            self._answer(call, frames.RELEASED, b"")
            return False
        call.begun = True
        self._begun[call.number] = 1
        return True

    def _return(self, call: Call, value: Any) -> None:
        body = encode(value)
        if len(body) > self._limit:
            raise Refused(
                f"`{call.target}` returned {len(body):,} bytes of JSON, more than the {self._limit:,} that a step may "
                "hand back; store the value elsewhere and return where it is"
            )
        self._answer(call, frames.RETURNED, body)

    def _answer(self, call: Call, kind: int, body: bytes) -> None:
        self._calls.pop(call.number, None)
        self._writer.send(kind, call.number, body)


def serve(settings: dict[str, Any]) -> None:
    for inherited in (settings["connection"], settings["begun"]):
        os.set_inheritable(inherited, False)  # or a program that a tool starts would keep them open
    sys.path[:0] = [folder for folder in settings["search"] if folder not in sys.path]
    tools = Tools(settings["folders"], settings["modules"])
    connection = socket.socket(fileno=settings["connection"])
    Host(connection, mmap.mmap(settings["begun"], 0), tools, settings["threads"], settings["limit"]).run()
