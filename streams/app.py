"""The Faust app: membership of the group, two agents that hand over, and the assignment's signals."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import faust
from faust.streams import Stream
from faust.tables.manager import TableManager

from schemas.topics import COMMANDS, OUTCOMES
from streams.intake import Incoming
from streams.settings import WorkerSettings
from streams.transport import LogTransport

#: Messages of one batch; also what a stream may hold before the fetcher rests.
MOST, BUFFER = 500, 1 << 16

HandOver = Callable[[list[Incoming]], None]


class ReadyStream(Stream[Any]):
    """A stream that yields what is ready now, without a timer and without acks: positions live in the log."""

    async def batches(self) -> AsyncIterator[list[Incoming]]:
        """Lists of at least one message, at most `MOST`."""
        self._finalized = True
        started = await self.maybe_start()
        channel: Any = self.channel
        try:
            while not self.should_stop:
                batch = [(await channel.__anext__()).message]
                while len(batch) < MOST and not channel.queue.empty():
                    batch.append(channel.queue.get_nowait().message)
                yield batch
        except StopAsyncIteration:
            return
        finally:
            self._channel_stop_iteration(self.channel)
            if started:
                await self.stop()
                self.service_reset()


class NoTables(TableManager):
    """Faust gives tables a second to register themselves, at every start; there are none here."""

    async def on_start(self) -> None:
        """Go on at once."""
        self._tables_finalized.set()
        self._tables_registered.set()
        await self.recovery.start()


@dataclass(frozen=True, slots=True)
class Membership:
    """How this process is known to the group: under a name that outlives it, or not; seconds of silence allowed."""

    instance_id: str | None
    session: float

    @classmethod
    def on(cls, settings: WorkerSettings, seat: str, full_broker: bool) -> "Membership":
        """Static, so that a restart disturbs nobody. The embedded broker, which hands out no producer ids either,
        keeps static members waiting for six seconds and others for half their session."""
        return cls(seat, settings.session) if full_broker else cls(None, min(settings.session, 1.0))


def build_app(
    settings: WorkerSettings,
    membership: Membership,
    hand_over: HandOver,
    on_assigned: Callable[[set[int]], None],
    on_revoked: Callable[[], None],
) -> Any:
    """The app, not started. None of the callbacks waits for anything."""
    commands, outcomes = settings.topic(COMMANDS.name), settings.topic(OUTCOMES.name)
    app: Any = faust.App(
        settings.app,
        id_format="{id}",
        env={},  # else some eighty variables without a prefix override what is said here
        broker=[f"kafka://{server}" for server in settings.bootstrap.split(",")],
        datadir=str(settings.data_dir / "faust"),
        Stream=ReadyStream,
        TableManager=NoTables,
        consumer_group_instance_id=membership.instance_id,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=1.0,
        broker_session_timeout=membership.session,
        broker_heartbeat_interval=min(1.0, membership.session / 4),
        broker_rebalance_timeout=membership.session,
        broker_request_timeout=30.0,
        stream_buffer_maxsize=BUFFER,
        stream_wait_empty=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        web_enabled=False,
        autodiscover=False,
    )
    app.extra_consumer = settings.auth
    app.transport = LogTransport(app.conf.broker, app, loop=None)

    @app.agent(_raw_topic(app, commands), name="commands.accept")
    async def accept(stream: ReadyStream) -> None:
        """Hand commands to the owners of their partitions."""
        async for batch in stream.batches():
            hand_over(batch)

    @app.agent(_raw_topic(app, outcomes), name="outcomes.settle")
    async def settle(stream: ReadyStream) -> None:
        """Hand outcomes that others report to the owners of their runs."""
        async for batch in stream.batches():
            hand_over(batch)

    async def assigned(_app: Any, partitions: Any, **_: Any) -> None:
        on_assigned({tp.partition for tp in partitions if tp.topic == commands})

    async def revoked(_app: Any, _partitions: Any, **_: Any) -> None:
        on_revoked()

    app.on_partitions_assigned.connect(assigned, weak=False)
    app.on_partitions_revoked.connect(revoked, weak=False)
    return app


def _raw_topic(app: Any, name: str) -> Any:
    return app.topic(name, key_serializer="raw", value_serializer="raw", value_type=bytes, key_type=bytes, acks=False)
