"""Is this still the log that the database was made from? The record that was read last must stand where it stood."""

from collections.abc import Iterable

from projections.intake import Intake, Raw, RecordsMissing
from projections.store import Store, StoreStale


class Anchors:
    """Reading starts one record early, at the one that is known, in each partition that was read before."""

    def __init__(self, store: Store, intake: Intake) -> None:
        self._store, self._intake = store, intake
        self._offsets: dict[int, int] = {}

    @property
    def pending(self) -> bool:
        """Whether a known record has not been seen again yet."""
        return bool(self._offsets)

    def start(self, partition: int, first: int) -> int:
        """The offset to read from, in a log that begins at `first`. Raises RecordsMissing."""
        wanted = self._intake.offset(partition)
        if first > wanted:
            raise RecordsMissing(partition, wanted, first)
        if first == wanted:
            return wanted
        self._offsets[partition] = wanted - 1
        return wanted - 1

    def check(self, records: Iterable[Raw]) -> None:
        """Compare what comes first with what is known. Raises StoreStale."""
        if not self._offsets:
            return
        for raw in records:
            if self._offsets.get(raw.partition) == raw.offset:
                known = self._store.identity(raw.partition, raw.offset)
                if known != self._intake.identity(raw):
                    raise self._stale(f"another record stands at offset {raw.offset} of partition {raw.partition}")
                del self._offsets[raw.partition]

    def check_end(self, partition: int, end: int | None) -> None:
        """The known record must lie before the log's end, as far as that is known. Raises StoreStale."""
        offset = self._offsets.get(partition)
        if offset is not None and end is not None and end <= offset:
            raise self._stale(f"partition {partition} was read up to offset {offset + 1}, but the log ends at {end}")

    def _stale(self, found: str) -> StoreStale:
        return StoreStale(self._store.path, f"it was made from another log: {found}")
