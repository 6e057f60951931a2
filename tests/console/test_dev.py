"""`millrace dev` as people use it: start, kill, start again; what it says; what it keeps."""

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

EXAMPLES = Path(__file__).parents[2] / "examples"
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


def test_offline_the_examples_run_without_a_key(started: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("conversation.yaml", "fan_out.yaml", "replies.yaml", "tools.py"):
        (tmp_path / name).write_text((EXAMPLES / name).read_text(encoding="utf-8"), encoding="utf-8")
    dev = started("conversation.yaml", "fan_out.yaml", "--offline", "--replies", "replies.yaml")
    dev.sees("models  offline: a server in the worker answers, as replies.yaml says")
    dev.sees("ready after")
    said = dev.millrace("start", "conversation", "--input", "text=Built in 1887, burned down in 1802.", "--wait")
    assert "comes eighty-five years before the mill" in said
    assert "saves work" in dev.millrace("start", "fan_out", "--input", "subject=A mill", "--wait")
