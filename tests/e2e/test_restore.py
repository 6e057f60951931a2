"""A cluster that was archived and is gone: a new one takes its runs up where the archive ends, and loses none."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from projections.rebuild import differences, rebuild
from schemas import events as e
from schemas import partition as p
from streams.archive_backup import backing_up
from streams.archive_directory import DirectoryStore
from streams.archive_manifest import Manifest, read_manifest
from streams.archive_restore import restore
from streams.archive_store import Store
from streams.archive_verify import verify
from streams.client import Client
from streams.topics import ensure_topics
from tests.brokers import Broker
from tests.running import PARTITIONS, Running, worker_process, worker_settings

ARGUMENTS = '{ledger: "{{ inputs.ledger }}", line: l, seconds: "{{ inputs.seconds }}"}'
WORKFLOWS = (
    "name: short\nsteps: [{id: t, transform: 1}]",
    "name: pauses\nsteps: [{id: w, wait: {for: 6s}}, {id: t, transform: 2}]",
    "name: asks\nsteps: [{id: ok, approve: {by: [ada], prompt: Well?}, timeout: 1d}, {id: t, transform: 3}]",
    "name: hears\nsteps: [{id: w, wait: {signal: go}}, {id: t, transform: '{{ steps.w.output }}'}]",
    "name: parent\nsteps: [{id: c, workflow: hears@1}, {id: t, transform: '{{ steps.c.output }}'}]",
    "name: notes\ninputs: {ledger: string, seconds: number}\n"
    f"steps: [{{id: n, tool: t.note, idempotent: true, with: {ARGUMENTS}}}]",
)


async def archived(world: Running, store: Store) -> Manifest:
    async with backing_up(world.settings.bootstrap, world.settings.prefix, store) as backup:
        return await backup.bring_up_to_date()


@asynccontextmanager
async def cluster(broker: Broker, prefix: str) -> AsyncIterator[Running]:
    settings = worker_settings(broker, prefix)
    await ensure_topics(broker.bootstrap, prefix, PARTITIONS)
    async with Client(broker.bootstrap, prefix) as client:
        yield Running(settings, client)


@pytest.mark.timeout(240)
async def test_open_runs_of_an_archive_go_on_in_another_cluster(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    store, ledger = DirectoryStore(tmp_path / "archive"), tmp_path / "ledger"
    async with cluster(broker, f"{topic_prefix}old.") as old, cluster(broker, f"{topic_prefix}new.") as new:
        worker = await worker_process(old.settings, "seat-1")
        try:
            for source in WORKFLOWS:
                await old.publish(source)
            done = [await old.client.start("short") for _ in range(20)]
            await old.until(e.RunSucceeded, len(done))
            first = await archived(old, store)
            begun = {name: await old.client.start(name) for name in ("pauses", "asks", "hears", "parent")}
            begun["notes"] = await old.client.start("notes", {"ledger": str(ledger), "seconds": 2.5})
            await old.until(e.StepWaiting, 3)
            await old.until(e.ApprovalRequested)
            await old.until(e.ChildStarted)
            await old.until(e.StepScheduled, path="n")
            second = await archived(old, store)
            assert all(second.files[name].end >= file.end for name, file in first.files.items())
        finally:
            worker.send_signal(signal.SIGKILL)
            await worker.wait()
        # what nobody has taken in when the cluster dies
        unseen = [await old.client.start("short") for _ in range(5)]
        await old.client.signal(begun["hears"], "go", "heard", command_id="once")
        third = await archived(old, store)
        assert third.cut is not None
        assert verify(store, third).problems == []

        restored = await restore(broker.bootstrap, new.settings.prefix, store)
        assert restored.waiting == 6
        shadows = [tmp_path / "old.duckdb", tmp_path / "new.duckdb"]
        for world, shadow in zip((old, new), shadows, strict=True):
            await rebuild(broker.bootstrap, shadow, prefix=world.settings.prefix)
        # the new log has one record more a partition, which changes no run
        assert {line.partition(":")[0] for line in differences(*shadows)} <= {
            "table events",
            "table positions",
            "table layout",
        }
        before = {r.run_id for r in await new.records() if isinstance(r, e.RunStarted)}

        await new.begin()
        try:
            (child,) = await new.until(e.ChildStarted)
            await new.client.signal(child.child, "go", "child")
            await asyncio.gather(*(new.client.wait(run_id, 60) for run_id in unseen))
            # its beginning stands in the old log, before what recovery reads from now on
            await new.end()
            await new.begin()
            await new.client.answer_approval(begun["asks"], "ok", True, "ada")
            runs = [*begun.values(), *unseen]
            ends = await asyncio.gather(*(new.client.wait(run_id, 60) for run_id in runs))
            assert [type(end).__name__ for end in ends] == ["RunSucceeded"] * len(runs)
        finally:
            await new.end()
        records = await new.records()
        started = [r.run_id for r in records if isinstance(r, e.RunStarted)]
        assert len(started) == len(set(started)) and set(started) - before == set(unseen)
        assert sum(isinstance(r, e.SignalReceived) and r.cause.id == "once" for r in records) == 1
        restoreds = [r for r in records if isinstance(r, p.PartitionRestored)]
        assert len(restoreds) == PARTITIONS
        claims = [r for r in records if isinstance(r, p.PartitionClaimed)]
        assert new.worker is not None
        assert {r.log for r in restoreds} == {c.log for c in claims if c.owner == new.worker.id}
        # the step in flight was lost with its worker and done again; its first attempt may have come to its end
        assert len(ledger.read_text().splitlines()) <= 2
        assert [r.error_class for r in records if isinstance(r, e.StepFailed) and r.path == "n"] == ["worker_lost"]

        # the archive goes on with the cluster that it was restored into
        fourth = await archived(new, store)
        assert verify(store, fourth).problems == []
        assert (await asyncio.to_thread(read_manifest, store)) == fourth


@pytest.mark.timeout(240)
@pytest.mark.brokers("kafka")
async def test_a_backup_of_a_busy_cluster_is_one_whole(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    """Parents and children live in different partitions: what one cut knows of a child, the child knows too."""
    folder, cuts = tmp_path / "archive", 2
    async with cluster(broker, f"{topic_prefix}old.") as old:
        await old.begin()
        await old.publish("name: slow\nsteps: [{id: w, wait: {for: 300ms}}, {id: t, tool: t.noop, idempotent: true}]")
        await old.publish(
            "name: family\nsteps: [{id: a, workflow: slow}, {id: b, workflow: slow}, {id: t, transform: 1}]"
        )
        for n in range(cuts):
            for _ in range(15):
                await old.client.start("family")
            await archived(old, DirectoryStore(folder))
            shutil.copytree(folder, tmp_path / f"cut-{n}")
        await old.end()
    for n in range(cuts):
        async with cluster(broker, f"{topic_prefix}cut{n}.") as new:
            store = DirectoryStore(tmp_path / f"cut-{n}")
            manifest = read_manifest(store)
            assert manifest is not None and verify(store, manifest).problems == []
            await restore(broker.bootstrap, new.settings.prefix, store)
            asked = [r.run_id for r in await new.records("workflow.commands") if getattr(r, "workflow", "") == "family"]
            assert len(asked) == 15 * (n + 1)
            await new.begin()
            ends = await asyncio.gather(*(new.client.wait(run_id, 60) for run_id in asked))
            await new.end()
            assert [type(end).__name__ for end in ends] == ["RunSucceeded"] * len(asked)
            children = [r.run_id for r in await new.records() if isinstance(r, e.RunStarted) and r.parent_run]
            assert len(children) == len(set(children)) == 2 * len(asked)
