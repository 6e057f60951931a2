"""Writes an archive back into empty topics: every record in its partition, at the offset that it had."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import takewhile

from schemas.codec import Decoder, encode, kind_of
from schemas.message import Cause
from schemas.partition import PartitionRestored
from schemas.topics import COMMANDS, EVENTS, OUTCOMES, SCHEMAS, TOPICS, WORKERS
from streams import clock
from streams.archive_files import files, read
from streams.archive_format import Archived
from streams.archive_manifest import Manifest, NoArchive, read_manifest
from streams.archive_place import Place, RestoreRefused, There, standing
from streams.archive_references import References
from streams.archive_rewrite import FILLER, Rewriter, filled
from streams.archive_store import Store
from streams.archive_tail import OnProgress
from streams.archive_topic import LOCK_WITHIN
from streams.concurrently import each
from streams.connect import Auth
from streams.parts import Parts
from streams.vocabulary import Vocabulary

#: Who ends a partition that was restored; the next one to claim it is a worker.
RESTORER = "restore"
#: Partitions written at once, and records between two words about the progress.
AT_ONCE, TELL_EVERY = 8, 1_000

_ENDING = PartitionRestored.__name__


@dataclass(slots=True)
class Restored:
    """What was written back."""

    records: int = 0
    fillers: int = 0
    ends: dict[Place, int] = field(default_factory=dict)
    """Where the archive's records end in each partition."""
    waiting: int = 0
    """Commands and outcomes that nobody has taken in."""

    def records_of(self, topic: str) -> int:
        """The offsets taken in all partitions of a topic."""
        return sum(end for (name, _), end in self.ends.items() if name == topic)


async def restore(
    bootstrap: str,
    prefix: str,
    store: Store,
    *,
    auth: Auth | None = None,
    resume: bool = False,
    on_progress: OnProgress | None = None,
) -> Restored:
    """Write the archive into the topics with this prefix, which exist and are empty (PROTOCOL.md, 22).

    Each partition of the events ends with PartitionRestored: a new log, in which the runs go on. The topics that events
    refer to are filled up to where the events saw them, even if the archive of them ends before. The workers of that
    time say goodbye, so that nobody waits for them. `resume` goes on with a restoring that was interrupted: what it
    wrote is compared.

    Raises NoArchive, RestoreRefused, RestoreFailed, ArchiveDamaged, Locked, BrokerUnreachable, KafkaError, OSError.
    """
    manifest = await asyncio.to_thread(read_manifest, store)
    if manifest is None:
        raise NoArchive(f"{store} holds no archive")
    with ExitStack() as locks:
        if manifest.cut is None:  # its end is where its files end: nobody may write them
            for topic in TOPICS:
                locks.enter_context(store.lock(topic.name, LOCK_WITHIN))
        if not any(files(store, topic.name) for topic in TOPICS):
            return Restored()
        places = [(topic.name, n) for topic in TOPICS for n in range(topic.partitions or manifest.partitions)]
        there = await standing(bootstrap, prefix, places, auth)
        if there and (not resume or (WORKERS.name, 0) in there):
            raise RestoreRefused(sorted({prefix + topic for topic, _ in there}))
        return await _Restorer(bootstrap, prefix, store, auth, manifest, there, on_progress).run(places)


class _Restorer:
    """One restoring: the events first, as they tell how far the other topics must reach."""

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        store: Store,
        auth: Auth | None,
        manifest: Manifest,
        there: dict[Place, There],
        on_progress: OnProgress | None,
    ) -> None:
        self._bootstrap, self._prefix, self._auth = bootstrap, prefix, auth
        self._store, self._manifest, self._there = store, manifest, there
        self._references = References(store, manifest)
        self._restored = Restored()
        self._on_progress = on_progress
        self._total = sum(file.end - file.first for file in manifest.files.values())

    async def run(self, places: list[Place]) -> Restored:
        async with Rewriter.connected(self._bootstrap, self._prefix, self._auth) as rewriter:
            events = [place for place in places if place[0] == EVENTS.name]
            await each(events, AT_ONCE, lambda place: self._write(rewriter, place))
            rest = [place for place in places if place[0] not in (EVENTS.name, WORKERS.name)]
            await each(rest, AT_ONCE, lambda place: self._write(rewriter, place))
            await self._publish_schema(rewriter)
            for number in range(self._manifest.partitions):
                await self._end(rewriter, number)
            await rewriter.say_goodbye(self._references.workers)
        return self._restored

    async def _write(self, rewriter: Rewriter, place: Place) -> None:
        there = self._there.get(place, There())
        records = filled(self._records(place), self._references.reach.get(place, 0))
        await rewriter.write(place, there.beyond(self._prefix + place[0], self._counted(place, records)))
        end = self._restored.ends.get(place, 0)
        if end < there.end and not self._is_ours(place, there, end):
            raise RestoreRefused([self._prefix + place[0]], f"hold records after offset {end}, where the archive ends")

    def _records(self, place: Place) -> Iterator[Archived]:
        """The archived records up to the cut."""
        (topic, partition), cut = place, self._manifest.cut
        records = read(self._store, topic, partition, None if cut is None else self._manifest.files)
        if cut is not None:
            end = cut.ends.get(topic, {}).get(partition, 0)
            records = takewhile(lambda record: record.offset < end, records)
        return self._references.noting(partition, records) if topic == EVENTS.name else iter(records)

    def _counted(self, place: Place, records: Iterable[Archived]) -> Iterator[Archived]:
        restored, said = self._restored, self._on_progress
        for record in records:
            restored.ends[place] = record.offset + 1
            if record.key == FILLER.encode() and record.value is None:
                restored.fillers += 1
            else:
                restored.records += 1
                if said is not None and restored.records % TELL_EVERY == 0:
                    said(restored.records, self._total)
            yield record

    def _is_ours(self, place: Place, there: There, end: int) -> bool:
        """Whether what stands after the archive's records was written by a restoring that was interrupted."""
        if place[0] == SCHEMAS.name:
            return True
        return place[0] == EVENTS.name and there.end == end + 1 and kind_of(there.last.value or b"") == _ENDING

    async def _publish_schema(self, rewriter: Rewriter) -> None:
        """What ends the partitions may be unknown to the versions that wrote them (PROTOCOL.md, 21)."""
        async with Vocabulary(self._bootstrap, self._prefix, Decoder(), auth=self._auth) as vocabulary:
            await vocabulary.read_to_end()
            await vocabulary.publish([PartitionRestored], rewriter.producer)

    async def _end(self, rewriter: Rewriter, number: int) -> None:
        """The old log ends here: what it said of offsets, but for these positions, is of another log."""
        place, standing = (EVENTS.name, number), self._references.standing[number]
        end, positions = self._restored.ends.get(place, 0), standing.positions
        for topic, position in ((COMMANDS.name, positions.commands), (OUTCOMES.name, positions.outcomes)):
            self._restored.waiting += max(0, self._restored.ends.get((topic, number), 0) - position)
        if self._there.get(place, There()).end > end:
            return
        now = max(clock.now(), standing.time)
        cause = Cause("recovery", standing.log)
        epoch, log = standing.claim.epoch + 1, Parts.new_log_id()
        event = PartitionRestored("", 0, epoch, RESTORER, 0, now, cause, log, positions, standing.log)
        await rewriter.write(place, [Archived(end, now // 1000, b"", encode(event))])
