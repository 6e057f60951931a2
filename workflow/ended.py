"""The ids of runs that ended within the dedupe window: a start with one of them is refused (PROTOCOL.md, 14 and 18)."""

from array import array
from hashlib import blake2b

from schemas.message import Ended

SECOND = 1_000_000
#: How long the id of an ended run is remembered, and how many of them.
DEDUPE_WINDOW = 10 * 60 * SECOND
DEDUPE_LIMIT = 100_000


def id_hash(run_id: str) -> int:
    """64 bits of the id.

    A new id is taken for one of 100,000 remembered ones once in 2^64 / 100,000 = 1.8e14 starts: at a thousand starts a
    second once in six thousand years, and then the start is refused with a reason, and nothing is lost.
    """
    return int.from_bytes(blake2b(run_id.encode(), digest_size=8).digest(), "little")


class EndedIds:
    """Hashes of ids with the time of their end, oldest first; counted by the second, as a mark tells them."""

    def __init__(self) -> None:
        self.times: dict[int, int] = {}
        self._seconds: dict[int, int] = {}

    def __contains__(self, run_id: str) -> bool:
        return id_hash(run_id) in self.times

    def add(self, run_id: str, time: int) -> None:
        """A run ended; time never runs backwards, but what a mark has told already may be read again."""
        key = id_hash(run_id)
        if self.times.get(key, -1) < time:
            self._drop(key)
            self._append(key, time)
            self.forget_before(time)

    def discard(self, run_id: str) -> None:
        """The run did not end after all."""
        self._drop(id_hash(run_id))

    def forget_before(self, now: int, most: int = DEDUPE_LIMIT) -> None:
        """Let go of what lies before the window, or is too much."""
        while self.times:
            key = next(iter(self.times))
            if self.times[key] >= now - DEDUPE_WINDOW and len(self.times) <= most:
                return
            self._drop(key)

    def packed(self) -> tuple[bytes, list[Ended]]:
        """As they stand in a mark; each time is the end of its second."""
        ended = [Ended(count, second * SECOND + SECOND - 1) for second, count in self._seconds.items()]
        return array("Q", self.times).tobytes(), ended

    def unpack(self, ids: bytes, ended: list[Ended]) -> None:
        """Remember what a mark carries."""
        times = (one.time for one in ended for _ in range(one.count))
        for key, time in zip(array("Q", ids), times, strict=True):
            self._append(key, time)

    def _append(self, key: int, time: int) -> None:
        self.times[key] = time
        self._seconds[time // SECOND] = self._seconds.get(time // SECOND, 0) + 1

    def _drop(self, key: int) -> None:
        time = self.times.pop(key, None)
        if time is not None:
            second = time // SECOND
            self._seconds[second] -= 1
            if not self._seconds[second]:
                del self._seconds[second]
