"""Where a case's choices come from: bytes, so that whatever makes bytes (a seed, a fuzzer) makes cases."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Bytes read as choices; when there are no more, every choice is the first and simplest."""

    __slots__ = ("_at", "_bytes")

    def __init__(self, source: bytes) -> None:
        self._bytes, self._at = source, 0

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1."""
        at = self._at
        self._at = at + 2
        return int.from_bytes(self._bytes[at : at + 2], "big") * limit >> 16

    def one_in(self, count: int) -> bool:
        """True once in so many."""
        return self.below(count) == count - 1

    def of(self, options: Sequence[T]) -> T:
        """One of them."""
        return options[self.below(len(options))]

    def take(self, most: int) -> bytes:
        """Some bytes as they are."""
        count, at = self.below(most + 1), self._at
        self._at = at + count
        return self._bytes[at : at + count]

    def number(self) -> int:
        """A number of any size that a long may have, the small ones more often."""
        width = self.of((1, 1, 1, 2, 4, 8))
        at = self._at
        self._at = at + width
        return int.from_bytes(self._bytes[at : at + width], "big", signed=True)
