"""The command line, called in this process; the environment of a test has no settings but its own."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from console.app import run
from tests.running import Running


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Millrace = Callable[..., Said]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, without settings around it."""
    for name in [name for name in os.environ if name.startswith("MILLRACE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def millrace(here: Path, capsys: pytest.CaptureFixture[str]) -> Millrace:
    """Calls `millrace` with these arguments."""

    def call(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    return call


Ask = Callable[..., Awaitable[Said]]


@pytest.fixture
def ask(millrace: Millrace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Running], Ask]]:
    """The command line beside a worker in this process, whose log goes elsewhere."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())

    def of(world: Running) -> Ask:
        monkeypatch.setenv("MILLRACE_BROKER", world.settings.bootstrap)
        monkeypatch.setenv("MILLRACE_TOPIC_PREFIX", world.settings.prefix)
        monkeypatch.setenv("MILLRACE_SNAPSHOT", str(world.settings.data_dir / "snapshot.duckdb"))
        return lambda *arguments: asyncio.to_thread(millrace, *arguments)

    yield of
    structlog.reset_defaults()
