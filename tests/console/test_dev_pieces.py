"""The pieces of dev: children that die, the banner, the archive's note, what is told of runs."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from console.dev import _forget
from console.dev_archive import check_partitions, forget
from console.dev_child import Child
from console.dev_port import choose
from console.dev_runs import Teller
from console.dev_screen import banner
from console.failure import Failure
from console.settings import Settings
from schemas import events as e
from schemas import partition as p
from schemas.codec import encode
from schemas.message import Cause, Positions
from streams.embedded import EmbeddedBroker

WITHIN = 60.0


async def test_a_child_that_keeps_dying_is_started_less_and_less_often(tmp_path: Path) -> None:
    said: list[str] = []
    child = Child(["no-such-command"], os.environ, tmp_path / "logs" / "child.log", said.append)
    child.start()
    while len(said) < 2:
        await asyncio.sleep(0.05)
    await child.stop(1.0)
    assert "exit code 2" in said[0] and "starting it again in 0.5 s" in said[0]
    assert "in 1 s" in said[1]
    assert "No such command" in (tmp_path / "logs" / "child.log").read_text()


async def test_a_long_log_file_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.dev_child.LONGEST_LOG", 3)
    log = tmp_path / "child.log"
    log.write_text("old words")
    said: list[str] = []
    child = Child(["--version"], os.environ, log, said.append)
    child.start()
    while not said:
        await asyncio.sleep(0.05)
    await child.stop(1.0)
    assert (tmp_path / "child.old.log").read_text() == "old words"
    assert "millrace" in said[0]


def test_the_broker_stands_where_commands_look_for_it() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert choose(None, f"127.0.0.1:{port}") is None
        assert choose(4711, f"127.0.0.1:{port}") == 4711
    assert choose(None, f"127.0.0.1:{port}") == port
    assert choose(None, "kafka.example:9092") is None


def test_the_banner_tells_what_other_terminals_must_know(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    there = Settings(broker="127.0.0.1:9092", data_dir=Path(".millrace"))
    assert "export" not in banner(there, "", Path("logs"), [])
    elsewhere = Settings(broker="127.0.0.1:4711", data_dir=Path("my data"))
    said = banner(elsewhere, "3 records restored in 0.0 s", Path("logs"), [])
    assert "export MILLRACE_BROKER=127.0.0.1:4711" in said
    assert "export MILLRACE_DATA_DIR='my data'" in said
    assert "3 records restored" in said


def test_an_archive_is_for_one_number_of_partitions(tmp_path: Path) -> None:
    check_partitions(tmp_path / "archive", 24)
    check_partitions(tmp_path / "archive", 24)
    with pytest.raises(Failure, match="for 24 partitions, and the settings say 12"):
        check_partitions(tmp_path / "archive", 12)
    (tmp_path / "archive" / "archive.json").write_text('{"format": 9, "partitions": 24}')
    with pytest.raises(Failure, match="another version"):
        check_partitions(tmp_path / "archive", 24)
    (tmp_path / "archive" / "archive.json").write_text("{")
    with pytest.raises(Failure, match=r"archive\.json can't be read"):
        check_partitions(tmp_path / "archive", 24)
    forget(tmp_path / "archive", tmp_path / "nothing")
    assert not (tmp_path / "archive").exists()


def test_reset_forgets_runs_and_keeps_logs(tmp_path: Path) -> None:
    wanted = Settings(data_dir=tmp_path)
    for name in ("archive/workflow.events/0.avro", "logs/worker.log", "millrace.duckdb", "snapshot.duckdb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("old")
    _forget(wanted)
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def told(*events: Any) -> list[str]:
    teller = Teller()
    lines = [teller.tell(0, event if isinstance(event, bytes) else encode(event)) for event in events]
    return [line for line in lines if line is not None]


CLAIM = p.PartitionClaimed("", 0, 5, "w-1", 0, 0, Cause("owner", 7), 7, Positions())


def envelope(n: int, run: str = "r1", *, owner: str = "w-1", time: int = 0) -> tuple[Any, ...]:
    return run, n, 5, owner, n, time, Cause("command", 7, 1)


def test_each_kind_of_end_and_refusal_is_told() -> None:
    said = told(
        b"garbage",
        CLAIM,
        e.RunStarted(*envelope(1), "c1", "hello", 3, "hash", b'{"name": "Ada"}'),
        e.RunSucceeded(*envelope(2, time=1_500_000), b'{"text": "hi"}'),
        e.RunStarted(*envelope(3, "r2"), "c2", "hello", 3, "hash", b"{}"),
        e.RunFailed(*envelope(4, "r2", time=2_000_000), "fatal", "it broke\nbadly", "draft"),
        e.RunCancelled(*envelope(5, "r3"), "enough"),
        e.RunRefused(*envelope(6, "r4"), "unknown_workflow", "there is none"),
        p.CommandRefused(*envelope(7, "r5"), "CancelRun", "c5", "no_such_run", "never heard of it"),
        p.InputRejected(*envelope(8, ""), "workflow.commands", "bad_json", "x" * 300, 12, 4),
        p.RunQuarantined(*envelope(9, "r6"), "evolve raised", "…"),
    )
    assert said == [
        'r1  started  hello@3  {"name": "Ada"}',
        'r1  succeeded in 1.50 s  {"text": "hi"}',
        "r2  started  hello@3  {}",
        "r2  failed in 2.00 s  fatal in step draft: it broke badly",
        "r3  cancelled  enough",
        "r4  refused  unknown_workflow: there is none",
        "r5  CancelRun refused  no_such_run: never heard of it",
        f"workflow.commands  unreadable  bad_json: {'x' * 99}… (dead letter 4)",
        "r6  set aside  evolve raised",
    ]


def test_void_records_are_not_told() -> None:
    zombie = e.RunSucceeded(*envelope(1, owner="w-0"), b"{}")
    assert told(zombie, CLAIM, zombie, e.RunSucceeded(*envelope(2), b"{}")) == []


async def test_dev_says_that_the_broker_cannot_have_its_port(tmp_path: Path) -> None:
    async with EmbeddedBroker() as bootstrap:
        port = bootstrap.rpartition(":")[2]
        dev = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "console", "dev", "--port", port, "--data", str(tmp_path / "data")],
            capture_output=True,
            text=True,
            timeout=WITHIN,
        )
    assert dev.returncode == 1
    assert f"can't listen on 127.0.0.1:{port}" in dev.stderr
    assert "choose another port" in dev.stderr


def test_dev_is_not_for_another_broker(tmp_path: Path) -> None:
    dev = subprocess.run(
        [sys.executable, "-m", "console", "dev", "--broker", "kafka.example:9092"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=WITHIN,
    )
    assert dev.returncode == 2
    assert "millrace worker" in dev.stderr
