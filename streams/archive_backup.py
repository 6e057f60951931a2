"""Brings an archive up to date: what is new of a cluster, then the manifest with the cut up to which it is whole."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from schemas.topics import COMMANDS, EVENTS, OUTCOMES, Topic
from streams import clock
from streams.archive_files import describe, files
from streams.archive_manifest import Cut, Ends, Manifest, NoArchive, read_manifest
from streams.archive_store import Store
from streams.archive_tail import TAILED, Archiver, OnProgress
from streams.archive_tail import Ends as Reached
from streams.concurrently import each
from streams.topics import partition_counts

#: Files that are synced at once.
AT_ONCE = 8


class Backup:
    """One archive of one cluster; see `backing_up`."""

    def __init__(self, store: Store, prefix: str, manifest: Manifest, archiver: Archiver) -> None:
        self.store, self.manifest = store, manifest
        self._prefix, self._archiver = prefix, archiver

    async def bring_up_to_date(self, on_progress: OnProgress | None = None) -> Manifest:
        """Archive what the cluster holds now. Raises what ends the archiving, and OSError.

        The order is what makes the cut one (see Cut). The long way is gone before, so that the cut is young.
        """
        await self._archiver.caught_up(on_progress)
        time, seen = clock.now(), await self._seen()
        events = await self._reached(EVENTS)
        rest = await self._reached(*TAILED)
        async with self._archiver.held():
            await self._sync()
            await asyncio.to_thread(self._describe)
            self.manifest.cut = Cut(self._ends(rest | events), self._ends(seen), time)
            await asyncio.to_thread(self.manifest.write, self.store)
        return self.manifest

    async def _seen(self) -> Reached:
        """Where commands and outcomes end, by one question to each broker: no message comes and goes meanwhile."""
        before = dict(
            self._archiver.reached
        )  # whole batches, of the last of which the embedded broker tells one record
        ends = await self._archiver.ends((COMMANDS, OUTCOMES))
        return {source: max(end, before[source]) for source, end in ends.items()}

    async def _reached(self, *topics: Topic) -> Reached:
        """Where the partitions of these topics end, by what is archived: what the broker tells, or a little more."""
        ends = await self._archiver.ends(topics)
        await self._archiver.reach(ends)
        return {source: self._archiver.reached[source] for source in ends}

    async def failed(self) -> None:
        """Wait for what ends the archiving, and raise it."""
        await self._archiver.closed()

    async def _sync(self) -> None:
        partitions = [partition for topic in self._archiver.topics.values() for partition in topic.taken_up]
        await each(partitions, AT_ONCE, lambda partition: asyncio.to_thread(partition.sync))

    def _describe(self) -> None:
        """Note what each file holds; those that are as they were are not looked at again."""
        known = self.manifest.files
        for topic in self._archiver.topics.values():
            for number, there in files(self.store, topic.topic).items():
                if (growing := topic.partition(number).described()) is not None:
                    known[growing[0]] = growing[1]
                for name, size in there.items():
                    if (growing is None or name != growing[0]) and (name not in known or known[name].bytes != size):
                        self._read_back(name)

    def _read_back(self, name: str) -> None:
        """A file that was finished since, or by a process that had no time to note it."""
        if (found := describe(self.store, name)) is not None:
            self.manifest.files[name] = found

    def _ends(self, reached: Reached) -> Ends:
        ends: dict[str, dict[int, int]] = {}
        for source, end in sorted(reached.items()):
            ends.setdefault(source.topic.removeprefix(self._prefix), {})[source.partition] = end
        return ends


@asynccontextmanager
async def backing_up(
    bootstrap: str, prefix: str, store: Store, *, auth: Mapping[str, Any] | None = None
) -> AsyncIterator[Backup]:
    """A backup of the topics with this prefix, connected. What it archives is never taken back.

    Raises BrokerUnreachable, TopicsMissing, NoArchive, AnotherLog, RecordsGone, Locked, OSError.
    """
    partitions = (await partition_counts(bootstrap, [prefix + EVENTS.name], auth))[prefix + EVENTS.name]
    manifest = await asyncio.to_thread(read_manifest, store)
    if manifest is None:
        manifest = Manifest(partitions)
        await asyncio.to_thread(manifest.write, store)
    if manifest.partitions != partitions:
        why = f"{store} is the archive of a cluster with {manifest.partitions} partitions, not {partitions}"
        raise NoArchive(f"{why}: archive this one to another place")
    archiver = Archiver(bootstrap, prefix, store, (*TAILED, EVENTS), auth=auth, sync_every=None)
    await archiver.start()
    try:
        yield Backup(store, prefix, manifest, archiver)
    finally:
        await archiver.stop(catch_up=False)
