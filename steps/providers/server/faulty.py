"""Puts a fault into a reply: the body spoiled here, or the manner in which it is sent."""

from dataclasses import replace

from steps.providers.server.exchange import Dialect, Reply
from steps.providers.server.faults import STREAM, TRANSPORT

_PAGE = b"<html>welcome</html>"
#: What a request that is not streamed gets in place of a fault of streams.
_LIKE = {"stream_cut": "cut", "stream_end": "truncated", "stream_bad": "truncated"}


def spoiled(reply: Reply, fault: str, dialect: Dialect) -> Reply:
    if fault in STREAM:
        return _stream(reply, fault, dialect) if reply.pieces else spoiled(reply, _LIKE.get(fault, "drop"), dialect)
    if fault not in TRANSPORT:
        return reply
    match fault:
        case "html":
            return Reply(200, _PAGE, {"content-type": "text/html"})
        case "bad_gateway":
            return Reply(502, _PAGE, {"content-type": "text/html"})
        case "list":
            return Reply.of_json([1, 2])
        case "strange":
            return Reply.of_json({"hello": "world"})
        case "truncated":
            if reply.pieces:
                return replace(reply, pieces=reply.pieces[: len(reply.pieces) // 2])
            return replace(reply, body=reply.body[: len(reply.body) // 2])
    return replace(reply, manner=fault)


def _stream(reply: Reply, fault: str, dialect: Dialect) -> Reply:
    begun = reply.pieces[: max(1, len(reply.pieces) // 2)]
    match fault:
        case "stream_error":
            return replace(reply, pieces=[*begun, dialect.stream_error()])
        case "stream_bad":
            return replace(reply, pieces=[*begun, b'event: content_block_delta\ndata: {"half": \n\n'])
        case "stream_end":
            return replace(reply, pieces=begun)
    return replace(reply, pieces=begun, manner="cut")
