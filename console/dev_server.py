"""All of Millrace in one place: an embedded broker with the archive restored into it, a worker, a projector."""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from console.dev_archive import check_partitions, told
from console.dev_child import Child
from console.dev_runs import Reporter
from console.failure import Failure
from console.settings import Settings

#: Seconds that the projector, and a worker beyond its grace, get to end.
END_WITHIN = 5.0
#: Seconds between snapshots, at most: whoever tries things out wants to see them.
SNAPSHOT_EVERY = 1.0
_ARCHIVE, _LOGS = "archive", "logs"

Say = Callable[[str], None]


class DevServer:
    """From `start` to `stop`: what dev runs. `failed` waits for what makes going on impossible."""

    def __init__(self, settings: Settings, port: int | None, say: Say) -> None:
        self.settings, self._port, self._say = settings, port, say
        self.archive = settings.data_dir / _ARCHIVE
        self.logs = settings.data_dir / _LOGS
        self.children: list[Child] = []
        self.restored = ""
        self._open = AsyncExitStack()
        self._watched: list[asyncio.Task[str]] = []
        self._broker_died = False

    async def start(self) -> None:
        """Bring all up, in order; the worker and the projector go on starting in the background. Raises Failure."""
        from streams.topics import ensure_topics

        check_partitions(self.archive, self.settings.partitions)
        async with AsyncExitStack() as opening:
            bootstrap = await self._start_broker(opening)
            self.settings = self.settings.model_copy(update={"broker": bootstrap, "security_protocol": "PLAINTEXT"})
            await ensure_topics(bootstrap, self.settings.topic_prefix, self.settings.partitions)
            ends = await self._restore()
            await self._start_archiver(opening)
            self.reporter = Reporter(bootstrap, self.settings, ends, self._say)
            await self.reporter.start()
            opening.push_async_callback(self.reporter.stop)
            self._watch(self.reporter.closed(), "the log can't be followed any more")
            self._start_children(opening)
            self._open = opening.pop_all()

    async def stop(self) -> None:
        """Take all down, in order: worker, projector, archive, broker."""
        for task in self._watched:
            task.cancel()
        await self._open.aclose()

    def kill(self) -> None:
        """End the worker and the projector at once; the broker dies with this process."""
        for child in self.children:
            child.kill()

    async def ready(self) -> None:
        """Wait until a worker owns every partition."""
        await self.reporter.ready.wait()

    async def failed(self) -> str:
        """Wait for what makes going on impossible, and say what it was."""
        done, _ = await asyncio.wait(self._watched, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()

    def environment(self) -> dict[str, str]:
        """The environment in which commands find this broker and this data."""
        settings = self.settings
        return {
            **os.environ,
            "MILLRACE_BROKER": settings.broker,
            "MILLRACE_TOPIC_PREFIX": settings.topic_prefix,
            "MILLRACE_SECURITY_PROTOCOL": "PLAINTEXT",
            "MILLRACE_PARTITIONS": str(settings.partitions),
            "MILLRACE_DATA_DIR": str(settings.data_dir),
            "MILLRACE_DATABASE": str(settings.database),
            "MILLRACE_SNAPSHOT": str(settings.snapshot),
            "MILLRACE_SNAPSHOT_INTERVAL": str(min(settings.snapshot_interval, SNAPSHOT_EVERY)),
            "MILLRACE_MODELS": settings.models,
            **({"MILLRACE_REPLIES": str(settings.replies)} if settings.replies else {}),
            "MILLRACE_TOOLS_PATH": os.pathsep.join(settings.tools_path),
        }

    async def _start_broker(self, opening: AsyncExitStack) -> str:
        from streams.embedded import EmbeddedBroker, EmbeddedBrokerFailed

        broker = EmbeddedBroker(self._port)
        try:
            bootstrap = await broker.start()
        except EmbeddedBrokerFailed as error:
            raise Failure("the embedded broker did not start", cause=str(error)) from error
        opening.push_async_callback(broker.stop)
        self._watch(self._broker_ended(broker.wait()), "the embedded broker ended")
        return bootstrap

    async def _broker_ended(self, end: object) -> str:
        said = str(await end)  # type: ignore[misc]
        self._broker_died = True
        return said

    async def _restore(self) -> dict[int, int]:
        """Bring the archive back; where each partition of the events ends then."""
        from schemas.topics import EVENTS
        from streams.archive_directory import DirectoryStore
        from streams.archive_restore import restore

        began = time.monotonic()
        restored = await restore(self.settings.broker, self.settings.topic_prefix, DirectoryStore(self.archive))
        if restored.records:
            self.restored = f"{restored.records:,} records restored in {time.monotonic() - began:.1f} s"
        return {number: end for (topic, number), end in restored.ends.items() if topic == EVENTS.name}

    async def _start_archiver(self, opening: AsyncExitStack) -> None:
        from streams.archive_directory import DirectoryStore
        from streams.archive_tail import Archiver

        archiver = Archiver(self.settings.broker, self.settings.topic_prefix, DirectoryStore(self.archive))
        await archiver.start()
        self._watch(archiver.closed(), "the archive can't be written any more")

        async def stop() -> None:
            await archiver.stop(catch_up=not self._broker_died)

        opening.push_async_callback(stop)

    def _start_children(self, opening: AsyncExitStack) -> None:
        opening.push_async_callback(self._archive_events)
        environment = self.environment()
        worker = Child(
            ["worker"], environment | {"MILLRACE_ARCHIVE": str(self.archive)}, self._log("worker"), self._say
        )
        projector = Child(["projector", "--anew"], environment, self._log("projector"), self._say)
        self.children = [worker, projector]
        opening.push_async_callback(self._stop_child, projector, END_WITHIN)
        opening.push_async_callback(self._stop_child, worker, self.settings.grace + END_WITHIN)
        for child in self.children:
            child.start()

    async def _stop_child(self, child: Child, within: float) -> None:
        # without the broker neither can do what it wants to do at its end
        await child.stop(0.5 if self._broker_died else within)

    async def _archive_events(self) -> None:
        """What a worker that died had no time to archive, or one that dev did not start."""
        from schemas.topics import EVENTS
        from streams.archive_directory import DirectoryStore
        from streams.archive_tail import Archiver

        if not self._broker_died:
            broker, store = self.settings.broker, DirectoryStore(self.archive)
            async with Archiver(broker, self.settings.topic_prefix, store, (EVENTS,)):
                return

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _watch(self, end: object, what: str) -> None:
        async def reason() -> str:
            try:
                return f"{what}: {await end}"  # type: ignore[misc]
            except Exception as error:
                return f"{what}: {told(error)}"

        self._watched.append(asyncio.create_task(reason(), name=what))
