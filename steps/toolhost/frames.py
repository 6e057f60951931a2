"""The frames between the worker and its tool host: a head of seven bytes, and JSON.

    length of the body (4 bytes), number of the call (2), kind (1), body

A call's body is one line of JSON (tool, run id, step path, attempt, key, deadline in seconds since the epoch or null,
uptime by which it must begin or null), then the arguments as they stand in the log. `child.py` says the same in its
own words, because it runs without this package.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum

HEAD = struct.Struct(">IHB")
CALLS = 1 << 16  # numbers there are, so calls that can be under way


class Kind(IntEnum):
    READY = 0  # child: the interpreter is up; its version
    CALL = 1  # parent
    CANCEL = 2  # parent: nobody waits any longer; still answered, so that the number becomes free
    RETURNED = 3  # child: what the tool returned
    FAILED = 4  # child: [class, message, detail or null, seconds to wait or null]
    RELEASED = 5  # child: too late to begin, or cancelled before


def frame(kind: Kind, call: int, body: bytes = b"") -> bytes:
    return HEAD.pack(len(body), call, kind) + body


class Reader:
    """Cuts a stream of bytes into frames."""

    __slots__ = ("_longest", "_rest")

    def __init__(self, longest: int) -> None:
        self._rest = bytearray()
        self._longest = longest

    def feed(self, received: bytes) -> Iterator[tuple[int, int, bytes]]:
        """The frames that are complete now: kind, call, body."""
        stream: bytes | bytearray = received
        if self._rest:
            self._rest += received
            stream = self._rest
        position, end = 0, len(stream)
        while end - position >= HEAD.size:
            length, call, kind = HEAD.unpack_from(stream, position)
            if length > self._longest:
                raise ValueError(f"a frame of {length} bytes, where {self._longest} are allowed")
            start = position + HEAD.size
            if start + length > end:
                break
            position = start + length
            yield kind, call, bytes(stream[start:position])
        self._keep(stream, position)

    def _keep(self, stream: bytes | bytearray, position: int) -> None:
        if stream is self._rest:
            del self._rest[:position]
        else:
            self._rest += stream[position:]
