"""The server: on a port of loopback it answers as Anthropic, Google and OpenAI do, at the paths that their SDKs ask."""

import asyncio

import orjson
from aiohttp import web

from steps.providers.server.desk import Desk
from steps.providers.server.exchange import Reply
from steps.providers.server.routes import asking_of
from steps.providers.server.script import Rule

#: Seconds between the pieces of a slow answer, and how many of them.
_SLOWLY, _SLOW_PIECES = 0.02, 20
_LARGEST = 64 * 1024 * 1024


class ProviderServer:
    """From `start` to `stop`. `ledger` is what it was asked and billed; GET /ledger tells it to other processes."""

    def __init__(self, rules: list[Rule], *, polls: int = 1) -> None:
        self._desk = Desk(rules, polls)
        self._runner: web.AppRunner | None = None
        self.ledger = self._desk.ledger
        self.address = ""

    async def start(self, port: int = 0) -> str:
        """Its address."""
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_get("/ledger", self._tell_ledger)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self.address

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _tell_ledger(self, _request: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(self.ledger.as_json()), content_type="application/json")

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        asking = asking_of(request.path, request.headers, orjson.loads(raw) if raw else {})
        if asking is None:
            return web.json_response({"error": {"message": f"no provider has {request.path}"}}, status=404)
        with self.ledger.under_way():
            reply, delay = self._desk.reply(asking, self.address)
            await asyncio.sleep(delay)
            return await _sent(request, reply)


async def _sent(request: web.Request, reply: Reply) -> web.StreamResponse:
    if reply.manner == "hang":
        await asyncio.sleep(3600)
    if reply.manner == "drop":
        _close(request)
        return web.Response()
    if not reply.pieces and not reply.manner:
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    if not reply.pieces:
        response.content_length = len(reply.body)
    await response.prepare(request)
    for piece in _pieces(reply):
        await response.write(piece)
        await asyncio.sleep(_SLOWLY if reply.manner == "slow" else 0)
    if reply.manner == "cut":
        _close(request)
    else:
        await response.write_eof()
    return response


def _pieces(reply: Reply) -> list[bytes]:
    whole = reply.pieces or [reply.body]
    if reply.manner == "cut":
        return whole[:-1] if len(whole) > 1 else [whole[0][: len(whole[0]) // 2]]
    if reply.manner == "slow":
        text = b"".join(whole)
        size = max(1, len(text) // _SLOW_PIECES)
        return [text[start : start + size] for start in range(0, len(text), size)]
    return whole


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()
