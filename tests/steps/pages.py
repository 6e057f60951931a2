"""The pages of a server that http steps are tried on."""

import gzip

from tests.steps.http_server import Reply, Request

LIMIT = 10_000

PAGES: dict[str, Reply] = {
    "json": Reply.of_json({"ok": True}, headers={"x-one": "1"}),
    "problem": Reply(200, b'{"a": 1}', {"content-type": "application/problem+json; charset=utf-8"}),
    "text": Reply(200, "Größe".encode("latin-1"), {"content-type": "text/plain; charset=latin-1"}),
    "plain": Reply(200, "Größe".encode(), {"content-type": "text/plain"}),
    "unknowncharset": Reply(200, b"abc", {"content-type": "text/plain; charset=klingon"}),
    "binary": Reply(200, b"\xff\x00\xfe", {"content-type": "image/png"}),
    "nothing": Reply(204),
    "emptyjson": Reply(200, b"", {"content-type": "application/json"}),
    "badjson": Reply(200, b'{"a": ', {"content-type": "application/json"}),
    "gzip": Reply(200, gzip.compress(b"packed"), {"content-encoding": "gzip", "content-type": "text/plain"}),
    "badgzip": Reply(200, b"not packed", {"content-encoding": "gzip", "content-type": "text/plain"}),
    "bomb": Reply(200, gzip.compress(b"\0" * 1_000_000), {"content-encoding": "gzip", "content-type": "text/plain"}),
    "big": Reply(200, b"x" * (LIMIT + 1), {"content-type": "text/plain"}),
    "hang": Reply(hang=True),
    "drop": Reply(drop=True),
    "cut": Reply(200, b"0123456789", cut=4),
    "slow": Reply.of_json({"slow": True}),
    "long": Reply(500, b"e" * 1000, {"content-type": "text/plain"}),
    "see": Reply(303, headers={"location": "/json"}),
    "moved": Reply(301, headers={"location": "/json"}),
    "kept": Reply(307, headers={"location": "/echo"}),
    "loop": Reply(302, headers={"location": "/loop"}),
    "away": Reply(302, headers={"location": "http://localhost:9/elsewhere"}),
    "unchanged": Reply(304),
    "wait": Reply(429, headers={"retry-after": "12"}),
    "waitms": Reply(503, headers={"retry-after-ms": "1500"}),
    "waitlong": Reply(503, headers={"retry-after": "99999999"}),
    "waitodd": Reply(503, headers={"retry-after": "soon"}),
}
PAGES["slow"].delay = 0.1


def answer(request: Request) -> Reply:
    name = request.path.split("?")[0].removeprefix("/")
    if name == "echo":
        return Reply.of_json(
            {
                "method": request.method,
                "path": request.path,
                "headers": request.headers,
                "body": request.body.decode(),
            }
        )
    return Reply(int(name), b'{"why": "so"}') if name.isdigit() else PAGES[name]
