"""The ids of runs that ended within the dedupe window: a start with one of them is refused (PROTOCOL.md, 14 and 18)."""

from array import array
from hashlib import blake2b
from itertools import groupby

from schemas.message import Ended

#: How long the id of an ended run is remembered, and how many of them.
DEDUPE_WINDOW = 10 * 60 * 1_000_000
DEDUPE_LIMIT = 100_000


def id_hash(run_id: str) -> int:
    """64 bits of the id.

    A new id is taken for one of 100,000 remembered ones once in 2^64 / 100,000 = 1.8e14 starts: at a thousand starts a
    second once in six thousand years, and then the start is refused with a reason, and nothing is lost.
    """
    return int.from_bytes(blake2b(run_id.encode(), digest_size=8).digest(), "little")


class EndedIds:
    """Hashes of ids with the time of their end, oldest first."""

    def __init__(self) -> None:
        self.times: dict[int, int] = {}

    def __contains__(self, run_id: str) -> bool:
        return id_hash(run_id) in self.times

    def add(self, run_id: str, time: int) -> None:
        """A run ended; time never runs backwards, but what a mark has told already may be read again."""
        key = id_hash(run_id)
        if self.times.get(key, -1) < time:
            self.times.pop(key, None)
            self.times[key] = time
            self.forget_before(time)

    def discard(self, run_id: str) -> None:
        """The run did not end after all."""
        self.times.pop(id_hash(run_id), None)

    def forget_before(self, now: int) -> None:
        """Let go of what lies before the window, or is too much."""
        while self.times:
            key = next(iter(self.times))
            if self.times[key] >= now - DEDUPE_WINDOW and len(self.times) <= DEDUPE_LIMIT:
                return
            del self.times[key]

    def packed(self, most_bytes: int) -> tuple[bytes, list[Ended]]:
        """As they stand in a mark: no more than fit, the latest ones."""
        items = list(self.times.items())[-(most_bytes // 8) :]
        seconds = groupby((time for _, time in items), key=lambda time: time // 1_000_000)
        ended = [Ended(len(times), times[-1]) for times in (list(group) for _, group in seconds)]
        return array("Q", [key for key, _ in items]).tobytes(), ended

    def unpack(self, ids: bytes, ended: list[Ended]) -> None:
        """Remember what a mark carries; each time is the last one of its second."""
        times = (one.time for one in ended for _ in range(one.count))
        self.times.update(zip(array("Q", ids), times, strict=True))
