"""The projector on a real broker: live, stopped, started again, and against a log that is another one."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from projections.follow import Progress
from projections.intake import Raw, RecordsMissing, Unreadable
from projections.projector import run_projector
from projections.query import query
from projections.reader import BrokerSilent
from projections.rebuild import differences, rebuild
from projections.store import StoreStale
from schemas.codec import MARKER, fingerprint
from tests.brokers import Broker
from tests.projections.histories import Log, Owner, Story
from tests.projections.logs import append, create, eventually, publish_schema


@asynccontextmanager
async def projecting(path: Path, broker: Broker, prefix: str, **options: Any) -> AsyncIterator[list[Progress]]:
    """A projector beside the test; ended and awaited at the end, so that the test sees what it raised."""
    stop, seen = asyncio.Event(), list[Progress]()
    task = asyncio.create_task(
        run_projector(
            bootstrap=broker.bootstrap, prefix=prefix, path=path, stop=stop, on_progress=seen.append, **options
        )
    )
    try:
        yield seen
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def test_the_live_database_equals_the_one_built_anew(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    records = Story(11, 300).log.records()
    await create(broker.bootstrap, topic_prefix, 2)
    live, shadow, snapshot = tmp_path / "live", tmp_path / "shadow", tmp_path / "snapshot"
    half = len(records) // 3
    first = [raw for raw in records if raw.offset < half]
    async with projecting(live, broker, topic_prefix, snapshot_path=snapshot, snapshot_interval=0.2) as seen:
        await append(broker.bootstrap, topic_prefix, first)
        await eventually(lambda: bool(seen) and seen[-1].total == len(first))
    assert query(snapshot, "SELECT count(*) FROM events").rows == [(len(first),)]

    await append(broker.bootstrap, topic_prefix, [raw for raw in records if raw.offset >= half])
    async with projecting(live, broker, topic_prefix, snapshot_path=snapshot, snapshot_interval=0.2) as seen:
        await eventually(lambda: bool(seen) and seen[-1].total == len(records) - len(first))
        assert seen[-1].behind == 0
    assert await rebuild(broker.bootstrap, shadow, prefix=topic_prefix) == len(records)
    assert differences(live, shadow) == []
    assert differences(live, snapshot) == []


async def test_it_waits_for_a_topic_that_nobody_has_created_and_creates_none(
    broker: Broker, topic_prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    log = Log(1)
    Owner(log, 0, "w").claim().start("run-1")
    async with projecting(tmp_path / "live", broker, topic_prefix) as seen:
        await eventually(lambda: "waiting for the topic" in caplog.text)
        await create(broker.bootstrap, topic_prefix, 1)
        await append(broker.bootstrap, topic_prefix, log.records())
        await eventually(lambda: bool(seen) and seen[-1].total == 2)


@pytest.mark.brokers("embedded")
async def test_an_event_is_visible_within_a_fifth_of_a_second(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    log = Log(1)
    owner = Owner(log, 0, "w").claim()
    await create(broker.bootstrap, topic_prefix, 1)
    delays = []
    async with projecting(tmp_path / "live", broker, topic_prefix) as seen:
        for number in range(8):
            owner.start(f"run-{number}")
            fresh = log.records()[sum(p.records for p in seen) :]
            await append(broker.bootstrap, topic_prefix, fresh)
            sent = asyncio.get_running_loop().time()
            await eventually(lambda expected=number + 2: bool(seen) and seen[-1].total == expected)
            delays.append(asyncio.get_running_loop().time() - sent)
    assert sorted(delays)[len(delays) // 2] < 0.2


async def test_a_database_of_another_log_is_not_continued(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    one, other = Log(1), Log(1)
    Owner(one, 0, "w").claim().start("run-1")
    stranger = Owner(other, 0, "v").claim()
    stranger.start("run-2")
    stranger.start("run-3")
    path = tmp_path / "live"
    await _project_new_log(broker, f"{topic_prefix}a.", one, path)
    await create(broker.bootstrap, f"{topic_prefix}b.", 1)
    await append(broker.bootstrap, f"{topic_prefix}b.", other.records())
    _rename_topic(path, f"{topic_prefix}b.workflow.events")

    with pytest.raises(StoreStale, match=r"another record stands at offset 1 of partition 0.*remove the file"):
        await _project_to_end(broker, f"{topic_prefix}b.", path)
    assert await _project_to_end(broker, f"{topic_prefix}b.", path, start_anew=True) == 3
    assert (tmp_path / "live.old").exists()
    assert await _project_to_end(broker, f"{topic_prefix}b.", path) == 0


async def test_a_log_that_is_shorter_than_what_was_read_is_another_log(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    log = Log(1)
    Owner(log, 0, "w").claim().start("run-1")
    path = tmp_path / "live"
    await _project_new_log(broker, f"{topic_prefix}a.", log, path)
    await create(broker.bootstrap, f"{topic_prefix}b.", 1)
    _rename_topic(path, f"{topic_prefix}b.workflow.events")
    with pytest.raises(StoreStale, match=r"the log ends at 0|from a longer one"):
        await _project_to_end(broker, f"{topic_prefix}b.", path)


async def test_events_of_a_newer_version_are_read_with_the_schema_that_it_published(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    log = Log(1)
    Owner(log, 0, "w").claim()
    schema, value = _record_of_a_newer_version()
    await create(broker.bootstrap, topic_prefix, 1)
    await publish_schema(broker.bootstrap, topic_prefix, b"12345678", {"type": "no schema"})
    await publish_schema(broker.bootstrap, topic_prefix, fingerprint(schema), schema)
    await append(broker.bootstrap, topic_prefix, [*log.records(), Raw(0, 1, value)])
    await rebuild(broker.bootstrap, tmp_path / "a", prefix=topic_prefix)
    rows = query(tmp_path / "a", "SELECT kind, run_id, valid, body->>'mood' FROM events WHERE kafka_offset = 1").rows
    assert rows == [("RunPondered", "run-1", True, "deep")]


async def test_an_event_that_nobody_can_read_stops_it_with_the_reason(
    broker: Broker, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.writers.WITHIN", 1.0)
    _, value = _record_of_a_newer_version()
    await create(broker.bootstrap, topic_prefix, 1)
    await append(broker.bootstrap, topic_prefix, [Raw(0, 0, value)])
    with pytest.raises(Unreadable, match="a schema that nobody has published"):
        await rebuild(broker.bootstrap, tmp_path / "a", prefix=topic_prefix)


@pytest.mark.brokers("kafka")
async def test_a_log_without_its_beginning_is_refused(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    from aiokafka import TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

    log = Log(1)
    Owner(log, 0, "w").claim().start("run-1")
    await create(broker.bootstrap, topic_prefix, 1)
    await append(broker.bootstrap, topic_prefix, log.records())
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(f"{topic_prefix}workflow.events", 0): RecordsToDelete(before_offset=1)})
    await admin.close()
    with pytest.raises(RecordsMissing, match="goes on at offset 1, but 0 is the next"):
        await rebuild(broker.bootstrap, tmp_path / "a", prefix=topic_prefix)


@pytest.mark.brokers("embedded")
async def test_a_shadow_is_never_built_over_a_file(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(FileExistsError, match="into a new file"):
        await rebuild(broker.bootstrap, tmp_path / "a", prefix=topic_prefix)


async def test_a_broker_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokerSilent, match=r"No Kafka broker answers at 127\.0\.0\.1:9"):
        await rebuild("127.0.0.1:9", tmp_path / "a")


async def _project_new_log(broker: Broker, prefix: str, log: Log, path: Path) -> None:
    await create(broker.bootstrap, prefix, len(log.partitions))
    await append(broker.bootstrap, prefix, log.records())
    await _project_to_end(broker, prefix, path)


async def _project_to_end(broker: Broker, prefix: str, path: Path, **options: Any) -> int:
    return await run_projector(
        bootstrap=broker.bootstrap, prefix=prefix, path=path, stop=asyncio.Event(), until_end=True, **options
    )


def _rename_topic(path: Path, topic: str) -> None:
    """As if the topic had been deleted and made again under its name."""
    import duckdb

    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE layout SET topic = ?", [topic])


def _record_of_a_newer_version() -> tuple[dict[str, Any], bytes]:
    from io import BytesIO

    from fastavro import parse_schema, schemaless_writer

    from schemas.message import Event
    from schemas.record import avro_schema

    envelope = avro_schema(Event)
    schema = envelope | {"name": "RunPondered", "fields": [*envelope["fields"], {"name": "mood", "type": "string"}]}
    body = BytesIO()
    cause = {"kind": "command", "log": 0, "offset": 1, "id": ""}
    said = {"run_id": "run-1", "seq": 1, "epoch": 1, "owner": "w", "n": 1, "time": 1, "cause": cause, "mood": "deep"}
    schemaless_writer(body, parse_schema(schema), said)
    return schema, MARKER + fingerprint(schema) + body.getvalue()


@pytest.mark.brokers("embedded")
async def test_cancelled_it_leaves_a_file_that_goes_on(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    records = Story(12, 60).log.records()
    await create(broker.bootstrap, topic_prefix, 2)
    await append(broker.bootstrap, topic_prefix, records)
    live, seen = tmp_path / "live", list[Progress]()
    task = asyncio.create_task(
        run_projector(
            bootstrap=broker.bootstrap,
            prefix=topic_prefix,
            path=live,
            snapshot_path=tmp_path / "snapshot",
            snapshot_interval=0.0,
            stop=asyncio.Event(),
            on_progress=seen.append,
        )
    )
    await eventually(lambda: bool(seen))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _project_to_end(broker, topic_prefix, live)
    await rebuild(broker.bootstrap, tmp_path / "shadow", prefix=topic_prefix)
    assert differences(live, tmp_path / "shadow") == []


@pytest.mark.brokers("embedded")
async def test_the_wal_does_not_grow_for_ever_where_no_snapshots_are_published(
    broker: Broker, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.follow.LARGE_WAL", 1000)
    records = Story(13, 60).log.records()
    await create(broker.bootstrap, topic_prefix, 2)
    await append(broker.bootstrap, topic_prefix, records)
    wal = tmp_path / "live.wal"
    async with projecting(tmp_path / "live", broker, topic_prefix) as seen:
        await eventually(lambda: bool(seen) and seen[-1].total == len(records))
        await eventually(lambda: not wal.exists() or wal.stat().st_size < 1000)
