"""docs/tutorial.md, carried out: every file is written, every command run, every line of output looked for."""

import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
WITHIN = 60.0


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what its fence says besides, its text."""

    language: str
    says: dict[str, str]
    text: str


def blocks() -> Iterator[Block]:
    for fence, text in re.findall(
        r"^```(\S.*?)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        language, *said = fence.split()
        yield Block(language, dict(word.split("=", 1) for word in said), text)


class Reader:
    """Carries the page out in a folder, on a port of its own, as somebody with two terminals would."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
        path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.environment = clean | {"PATH": path, "MILLRACE_BROKER": f"127.0.0.1:{port}"}
        self.dev: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()
        self.said = ""
        self.exported = ""

    def read(self, block: Block) -> None:
        if "file" in block.says:
            text = block.text.replace("127.0.0.1:9092", f"127.0.0.1:{self.port}")
            (self.folder / block.says["file"]).write_text(text, encoding="utf-8")
        elif "append" in block.says:
            self._insert(self.folder / block.says["append"], block.text)
        elif "terminal" in block.says:
            self._start_dev(block.text)
        elif block.language == "sh":
            where = ROOT if block.says.get("in") == "checkout" else self.folder
            self.said = self._run(block.text, where)
        else:
            for line in block.text.splitlines():
                self._expect(line)

    def _insert(self, file: Path, step: str) -> None:
        head, outputs, rest = file.read_text(encoding="utf-8").partition("\noutputs:")
        file.write_text(f"{head}\n{step}{outputs}{rest}", encoding="utf-8")
        self._heard("published greet@2")

    def _start_dev(self, commands: str) -> None:
        if self.dev is not None:
            self.end_dev()
        *before, last = commands.strip().splitlines()
        self.exported += "".join(f"{line}\n" for line in before)
        self.dev = subprocess.Popen(
            ["bash", "-c", f"{self.exported}exec {last}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self.dev,), daemon=True).start()
        self.said = ""

    def _listen(self, dev: "subprocess.Popen[str]") -> None:
        assert dev.stdout is not None
        with dev.stdout:
            for line in dev.stdout:
                self._lines.put(line)

    def end_dev(self) -> None:
        assert self.dev is not None
        self.dev.send_signal(signal.SIGINT)
        assert self.dev.wait(WITHIN) == 0

    def _run(self, commands: str, where: Path) -> str:
        done = subprocess.run(
            ["bash", "-ec", commands],
            cwd=where,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=2 * WITHIN,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _expect(self, line: str) -> None:
        """Each line of the page's output, whatever its times and spaces: in the last command's, or soon in dev's."""
        if self.said:
            assert _pattern(line).search(self.said), f"not said: {line}\n{self.said}"
        else:
            self._heard(line)

    def _heard(self, line: str) -> None:
        heard, deadline = [], time.monotonic() + WITHIN
        while time.monotonic() < deadline:
            try:
                heard.append(self._lines.get(timeout=1.0))
            except queue.Empty:
                continue
            if _pattern(line).search(heard[-1]):
                return
        raise AssertionError(f"dev did not say {line!r}:\n{''.join(heard)}")


def _pattern(line: str) -> "re.Pattern[str]":
    parts = (
        r"[\d.]+ m?s" if re.fullmatch(r"[\d.]+ m?s", part) else re.escape(part)
        for part in re.split(r"([\d.]+ m?s\b)", line)
    )
    return re.compile(r"\s+".join("".join(parts).replace(r"\ ", " ").split()))


@pytest.mark.timeout(300)
def test_every_step_of_the_tutorial_works(tmp_path: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("the tutorial's commands are for a POSIX shell, and there is no bash here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    reader = Reader(tmp_path, port)
    try:
        for block in blocks():
            reader.read(block)
        reader.end_dev()
    finally:
        if reader.dev is not None:
            reader.dev.kill()
            reader.dev.wait()
