"""`millrace dev` as people use it: start, kill, start again; what it says; what it keeps."""

import asyncio
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
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

WAITS = """
name: waits
steps:
  - {id: first, transform: {text: "began"}}
  - {id: pause, wait: {for: 8s}}
  - {id: last, transform: {text: "{{ steps.first.output.text }} and ended"}}
outputs: {text: "{{ steps.last.output.text }}"}
"""
QUICK = """
name: quick
steps:
  - {id: only, transform: {text: "one"}}
outputs: {text: "{{ steps.only.output.text }}"}
"""


class Dev:
    """A `millrace dev` in a folder of its own, and what it prints."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        with EmbeddedPort() as port:
            self.port = port
        self.folder = folder
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
        self.environment = environment | {"MILLRACE_BROKER": f"127.0.0.1:{port}", "MILLRACE_MODELS": "scripted"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "console", "dev", *arguments],
            cwd=folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))
        self.process.stdout.close()
        self._queue.put(None)

    def sees(self, pattern: str) -> str:
        """Wait for a line that has it."""
        deadline = time.monotonic() + WITHIN
        while time.monotonic() < deadline:
            line = self._queue.get(timeout=max(0.1, deadline - time.monotonic()))
            if line is None:
                break
            self.lines.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError(f"{pattern!r} was not said:\n" + "\n".join(self.lines))

    def millrace(self, *arguments: str) -> str:
        """Another command, in another terminal."""
        done = subprocess.run(
            [sys.executable, "-m", "console", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=WITHIN,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ends(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(WITHIN)


class EmbeddedPort:
    """A port that nobody has just now."""

    def __enter__(self) -> int:
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Any]:
    """Starts dev in a folder; whatever is left of it dies at the end."""
    running: list[Dev] = []

    def start(*arguments: str) -> Dev:
        running.append(Dev(tmp_path, *arguments))
        return running[-1]

    yield start
    for dev in running:
        dev.process.kill()
        dev.process.wait()


def processes(port: int) -> list[int]:
    """Those whose environment or command line names the port of a broker."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if f"127.0.0.1:{port}".encode() in text:
            found.append(int(entry.name))
    return found


def gone(port: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not processes(port):
            return True
        time.sleep(0.05)
    return False


def test_a_run_survives_that_everything_is_killed(started: Any, tmp_path: Path) -> None:
    (tmp_path / "waits.yaml").write_text(WAITS)
    dev = started("waits.yaml")
    dev.sees("ready after")
    run = dev.millrace("start", "waits", "--run-id", "w1", "--no-wait", "--json")
    assert "w1" in run
    dev.sees("w1  started")
    assert dev.ends(signal.SIGKILL) == -signal.SIGKILL
    assert gone(dev.port), "children outlive a dev that was killed"
    dev = started("waits.yaml")
    dev.sees(r"\(\d+ records restored in")
    dev.sees("unchanged: waits@1")
    assert "began and ended" in dev.sees("w1  succeeded")
    dev.millrace("start", "waits", "--run-id", "w2", "--no-wait")
    dev.sees("w2  started")
    assert dev.ends(signal.SIGINT) == 0
    dev.sees("ended")
    assert gone(dev.port)
    dev = started()
    dev.sees("w2  succeeded")
    deadline = time.monotonic() + 15
    while len(found := [r for r in ("w1", "w2") if f'"{r}"' in dev.millrace("runs", "--json")]) < 2:
        assert time.monotonic() < deadline, f"the projection shows {found}"
        time.sleep(0.5)
    dev.process.send_signal(signal.SIGINT)
    dev.sees("ending: worker, projector")
    assert dev.ends(signal.SIGINT) == 130, "a second Ctrl-C ends at once"
    assert gone(dev.port)


def test_files_are_published_as_they_are_saved_and_dead_children_start_again(started: Any, tmp_path: Path) -> None:
    file = tmp_path / "quick.yaml"
    file.write_text(QUICK)
    dev = started(".")
    dev.sees(r"published quick@1  quick\.yaml")
    file.write_text(QUICK.replace("one", "two"))
    dev.sees(r"published quick@2")
    file.write_text(QUICK.replace("steps", "stepps"))
    dev.sees(r"quick\.yaml is not published")
    (tmp_path / "more.yaml").write_text(QUICK.replace("quick", "more"))
    dev.sees("published more@1")
    dev.sees("ready after")
    worker = next(pid for pid in processes(dev.port) if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(worker, signal.SIGKILL)
    dev.sees(r"worker ended \(SIGKILL\), starting it again in 0\.5 s")
    dev.millrace("start", "quick", "--run-id", "q1", "--wait")
    assert '"two"' in dev.sees("q1  succeeded")
    second = subprocess.run(
        [sys.executable, "-m", "console", "dev"], cwd=tmp_path, capture_output=True, text=True, timeout=WITHIN
    )
    assert second.returncode == 1
    assert f"process {dev.process.pid} has it" in second.stderr
    assert "kill" in second.stderr and "--data DIR" in second.stderr
    broker = next(pid for pid in processes(dev.port) if b"tansu" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(broker, signal.SIGKILL)
    dev.sees("cause:.*the embedded broker ended: exit code -9")
    assert dev.process.wait(WITHIN) == 1
    assert gone(dev.port)


# --- pieces


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
    with pytest.raises(Failure, match="note can't be read"):
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
