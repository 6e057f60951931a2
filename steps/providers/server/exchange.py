"""What is asked and what is answered, in no provider's words."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson


@dataclass(slots=True)
class Asked:
    """A request. `text` is what was said last, `prefix` all that was said, in order, for the cache of prompts."""

    model: str
    text: str
    prefix: list[str]
    schema: dict[str, Any] | None = None
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    forced: str = ""
    streamed: bool = False
    thinks: bool = False
    cache: str = ""
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None


@dataclass(slots=True)
class Said:
    """An answer. `fault` is one of faults.ANSWERS, or refused or malformed; tokens are counted as Usage counts them."""

    number: int
    text: str = ""
    calls: tuple[dict[str, Any], ...] = ()
    thinking: str = ""
    stop: str = "end_turn"
    fault: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    thinking_tokens: int = 0


@dataclass(slots=True)
class Reply:
    """What goes over the wire: one body, or the pieces of a stream. `manner` is one of faults.TRANSPORT or STREAM."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    manner: str = ""

    @classmethod
    def of_json(cls, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> "Reply":
        return cls(status, orjson.dumps(value), {"content-type": "application/json", **(headers or {})})


class Dialect(Protocol):
    """The words of one provider."""

    provider: str

    def asked(self, model: str, body: dict[str, Any], streamed: bool) -> Asked: ...

    def answer(self, asked: Asked, said: Said) -> dict[str, Any]: ...

    def headers(self, said: Said) -> dict[str, str]: ...

    def stream(self, asked: Asked, said: Said) -> Iterator[Any]: ...

    def event(self, value: Any) -> bytes: ...

    def error(self, fault: str, message: str, retry_after: float | None, number: int) -> Reply: ...

    def stream_error(self) -> bytes: ...


def pieces_of(text: str) -> list[str]:
    """A text in a few pieces, as it would be streamed."""
    size = max(1, -(-len(text) // 4))
    return [text[start : start + size] for start in range(0, len(text), size)] or [""]
