"""`millrace doctor`: each thing that can be amiss is told with its remedy, and never in more than five seconds."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from console import doctor_broker, doctor_machine, doctor_projection, doctor_tools
from console.doctor import examine
from console.doctor_finding import Finding, as_json, show
from console.settings import Settings
from projections.store import Store
from schemas.codec import encode
from schemas.partition import DeadLetter
from schemas.topics import DEADLETTERS, EVENTS, WORKERS
from schemas.workers import Recovering, WorkerBeat
from streams.client import Client
from streams.topics import ensure_topics
from tests.brokers import Broker


def by_subject(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


def settings(folder: Path, **values: Any) -> Settings:
    return Settings(data_dir=folder, models="scripted", tools_path=[], partitions=3, **values)


@pytest.fixture
def hanging() -> Iterator[str]:
    """A broker that takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_without_a_broker_the_command_fails_and_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "console", "doctor", "--broker", "127.0.0.1:1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1, done.stderr
    assert "✗ broker" in done.stdout and "127.0.0.1:1" in done.stdout
    assert "→" in done.stdout and "millrace dev" in done.stdout
    done = subprocess.run([*command, "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    told = json.loads(done.stdout)
    assert told["ok"] is False
    assert {"Python", "packages", "disk", "java", "Claude", "broker", "snapshot", "tools"} <= {
        finding["subject"] for finding in told["findings"]
    }


async def test_a_broker_that_hangs_does_not_hang_the_doctor(hanging: str, tmp_path: Path) -> None:
    began = time.monotonic()
    found = by_subject(await examine(settings(tmp_path, broker=hanging)))
    assert time.monotonic() - began < 5.0
    assert found["broker"].status == "fail"
    assert "within 2.5 s" in found["broker"].said


async def test_missing_topics_are_named(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    found = by_subject(await examine(settings(tmp_path, broker=broker.bootstrap, topic_prefix=topic_prefix)))
    assert found["broker"].status == "ok"
    assert found["broker"].facts["idempotent"] is broker.idempotent
    assert found["broker"].facts["embedded"] is (broker.name == "embedded")
    assert found["topics"].status == "fail"
    assert f"{topic_prefix}workflow.commands" in found["topics"].said
    assert "millrace worker" in found["topics"].remedy
    assert "workers" not in found


async def test_topics_with_another_number_of_partitions_are_told(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    await ensure_topics(broker.bootstrap, topic_prefix, 2)
    findings = await examine(settings(tmp_path, broker=broker.bootstrap, topic_prefix=topic_prefix))
    problems = [f for f in findings if f.subject == "topics"]
    assert [f.status for f in problems] == ["fail"] * 3
    assert "has 2 partitions, not 3" in problems[0].said
    assert "partitions = 2" in problems[0].remedy


async def test_what_stands_on_the_log_is_told(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    wanted = settings(tmp_path, broker=broker.bootstrap, topic_prefix=topic_prefix)
    await ensure_topics(broker.bootstrap, topic_prefix, 3)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        for n in range(5):
            letter = DeadLetter("workflow.commands", 1, n, "bad_json", f"problem {n}", 1, None, b"{")
            await producer.send_and_wait(topic_prefix + DEADLETTERS.name, encode(letter))
        await producer.send_and_wait(topic_prefix + DEADLETTERS.name, b"no letter")
        silent = WorkerBeat("w-silent", "seat", 1, 1, 1, "0.1.0", "there", 7)
        await producer.send_and_wait(topic_prefix + WORKERS.name, encode(silent), b"w-silent")
        found = by_subject(await examine(wanted))
        assert found["topics"].status == "ok"
        assert found["workers"].status == "fail"
        assert "1 went silent" in found["workers"].said
        assert found["workflows"].status == "warn"
        assert found["dead letters"].status == "warn"
        assert found["dead letters"].facts["count"] == 6
        assert [letter["message"] for letter in found["dead letters"].facts["last"]][:2] == ["problem 3", "problem 4"]
        assert found["dead letters"].facts["last"][2]["reason"] == "unreadable"

        queued(wanted, "gpu", "gpu", "night")

        async def beat() -> None:
            for n in range(100):
                reading = [Recovering(1, 1_000, 40_000)]
                record = WorkerBeat("w-live", "seat2", 1, n, 1, "0.1.0", "here", 8, 2, [0, 2], recovering=reading)
                of_a_queue = WorkerBeat("w-queue", "seat3", 1, n, 1, "0.1.0", "here", 9, 4, [], "gpu", 4, 1)
                for each in (record, of_a_queue):
                    await producer.send_and_wait(topic_prefix + WORKERS.name, encode(each), each.worker.encode())
                await asyncio.sleep(0.2)

        beating = asyncio.create_task(beat())
        async with Client(broker.bootstrap, topic_prefix) as client:
            await client.publish_workflow("hello", "hash", "name: hello")
        found = by_subject(await examine(wanted))
        beating.cancel()
        assert found["workers"].status == "ok"
        told = "here:8 (0.1.0, 2 steps running), here:9 (0.1.0, 4 steps running, queue gpu); 1 silent"
        assert f"2 beating: {told}" in found["workers"].said
        assert found["partitions"].facts["without"] == [1]
        assert found["partitions"].said == "1 of 3 are being read by their owners: 1 (1,000 of 40,000 records)"
        full, unserved = found["queue gpu"], found["queue night"]
        assert (full.status, full.said) == ("warn", "1 worker, 0 of 4 slots free; 2 steps wait")
        assert full.remedy == "start one more: millrace worker --queue gpu"
        assert (unserved.status, unserved.said) == ("fail", "nobody serves it; 1 step waits")
        assert unserved.remedy == "start one: millrace worker --queue night"
        assert found["workflows"].said == "1 published: hello"


async def test_ends_are_true_behind_a_batch_of_several_records(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    await ensure_topics(broker.bootstrap, topic_prefix, 3)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        batch = producer.create_batch()
        for _ in range(5):
            batch.append(key=b"run", value=b"event", timestamp=None)
        batch.close()
        await (await producer.send_batch(batch, topic_prefix + EVENTS.name, partition=1))
    wanted = settings(tmp_path, broker=broker.bootstrap, topic_prefix=topic_prefix)
    assert await doctor_broker.ends(wanted) == {1: 5}


def projected(folder: Path, *, refusals: int = 0, position: int = 0) -> Settings:
    """A snapshot as the projector publishes them."""
    wanted = settings(folder)
    with Store(wanted.snapshot, EVENTS.name) as store:
        for n in range(refusals):
            store._run(
                "INSERT INTO refusals (partition, kafka_offset, kind, refused_at, reason, message)"
                f" VALUES (0, {n}, 'CommandRefused', make_timestamp({n}), 'unknown_workflow', 'no {n}')"
            )
        store._run(f"INSERT INTO positions VALUES (0, {position}, 7, 1, 'w', 1)")
        store.checkpoint()
    return wanted


def queued(wanted: Settings, *queues: str) -> None:
    """A snapshot with one step that waits for room in each of these."""
    with Store(wanted.snapshot, EVENTS.name) as store:
        for number, queue in enumerate(queues):
            values = f"('r', 1, 's{number}', 'queued', '{queue}')"
            store._run(f"INSERT INTO steps (run_id, incarnation, path, status, queue) VALUES {values}")
        store.checkpoint()


def looked_at(wanted: Settings, ends: dict[int, int] | None) -> list[Finding]:
    return doctor_projection.judge(wanted, doctor_projection.read(wanted), ends)


def test_the_projection_s_lag_and_refusals_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = projected(tmp_path, refusals=4, position=10)
    found = by_subject(looked_at(wanted, {0: 10, 1: 0}))
    assert found["snapshot"].status == "ok" and found["snapshot"].said.startswith("at the log's end")
    assert found["refusals"].facts["count"] == 4
    assert [row["message"] for row in found["refusals"].facts["last"]] == ["no 3", "no 2", "no 1"]
    found = by_subject(looked_at(wanted, {0: 15, 1: 1}))
    assert found["snapshot"].facts["lag"] == 6
    assert found["snapshot"].status == "ok", "it is young"
    later = time.time() + 7200
    monkeypatch.setattr(doctor_projection.time, "time", lambda: later)
    found = by_subject(looked_at(wanted, {0: 15, 1: 1}))
    assert found["snapshot"].status == "warn"
    assert "2 hours old" in found["snapshot"].said and "millrace projector" in found["snapshot"].remedy
    found = by_subject(looked_at(wanted, {0: 3}))
    assert found["snapshot"].status == "fail" and "of another log" in found["snapshot"].said
    assert by_subject(looked_at(wanted, None))["snapshot"].status == "skip"


def test_a_snapshot_without_refusals_a_missing_and_a_broken_one(tmp_path: Path) -> None:
    assert by_subject(looked_at(projected(tmp_path / "a"), {0: 0}))["refusals"].status == "ok"
    assert looked_at(settings(tmp_path / "b"), {0: 0})[0].status == "warn"
    broken = settings(tmp_path)
    broken.snapshot.write_bytes(b"no database at all" * 1000)
    assert looked_at(broken, {0: 0})[0].status == "fail"


async def test_tools_are_counted_and_a_module_that_breaks_is_told(tmp_path: Path) -> None:
    marked = "from millrace import tool\nimport millrace\n"
    (tmp_path / "good.py").write_text(
        marked + "@tool\ndef a(): ...\n@millrace.tool(description='b')\nasync def b(): ...\n"
    )
    (tmp_path / "plain.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (tmp_path / "torn.py").write_text("def (")
    found = await doctor_tools.look(settings(tmp_path).model_copy(update={"tools_path": [str(tmp_path)]}))
    assert found[0].status == "ok"
    assert found[0].facts["modules"] == {"good": 2}
    assert not (tmp_path / "ran").exists(), "what has no tools is not imported"
    (tmp_path / "bad.py").write_text(marked + "import no_such_package\n@tool\ndef c(): ...\n")
    just_bad = settings(tmp_path).model_copy(update={"tools_path": [str(tmp_path / "bad.py")]})
    found = await doctor_tools.look(just_bad)
    assert found[0].status == "fail"
    assert "bad: " in found[0].said and "no_such_package" in found[0].said


async def test_a_tool_host_that_cannot_start_is_told(tmp_path: Path) -> None:
    wanted = settings(tmp_path).model_copy(update={"tools_python": tmp_path / "python"})
    found = await doctor_tools.look(wanted)
    assert (found[0].subject, found[0].status) == ("host", "fail")
    assert "tools_python" in found[0].remedy


def test_what_the_machine_lacks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(doctor_machine, "requires", lambda _: ["no-such-package>=1", "duckdb<1", 'x; extra == "dev"'])
    monkeypatch.setattr(doctor_machine.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor_machine.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 200 << 20}))
    monkeypatch.setattr(doctor_machine, "_LEAST_PYTHON", (9, 0))
    findings = doctor_machine.look(Settings(data_dir=tmp_path / "not" / "yet"))
    found = by_subject(findings)
    assert found["Python"].status == "fail"
    assert found["packages"].status == "fail"
    assert "no-such-package is missing; duckdb is" in found["packages"].said
    assert found["disk"].status == "warn" and "make room" in found["disk"].remedy
    assert found["java"].status == "skip"
    assert found["Claude"].status == "ok" and found["Gemini"].status == "warn"
    assert "sk-secret" not in json.dumps(as_json(findings))


def test_a_folder_that_cannot_be_written_and_a_missing_dev_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_machine.os, "access", lambda *_: False)
    monkeypatch.setattr("streams.embedded.find_spec", lambda _: None)
    found = by_subject(doctor_machine.look(settings(tmp_path)))
    assert found["disk"].status == "fail" and "right to write" in found["disk"].remedy
    assert found["dev broker"].status == "warn"


def test_findings_are_shown_with_their_remedies(capsys: pytest.CaptureFixture[str]) -> None:
    show([Finding("A", "one", "ok", "fine [really]"), Finding("B", "two", "fail", "broken", "mend it")])
    assert capsys.readouterr().out.splitlines() == [
        "A",
        "  ✓ one            fine [really]",
        "",
        "B",
        "  ✗ two            broken",
        "      → mend it",
        "",
    ]
