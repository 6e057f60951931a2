"""`millrace archive` and `restore`: the page on backups carried out, and what is said when they can't."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas import events as e
from streams.topics import ensure_topics
from tests import brokers
from tests.brokers import Broker
from tests.running import PARTITIONS, running

Millrace = Callable[..., Any]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "backup.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```sh( follow)?\n(.*?)\n```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def two_brokers() -> Iterator[tuple[Broker, Broker]]:
    """The old cluster and the new one."""
    with ExitStack() as stack:
        yield tuple(stack.enter_context(brokers.started("embedded")) for _ in range(2))  # type: ignore[misc]


async def a_run_that_waits(broker: Broker) -> str:
    async with running(broker, "") as world:
        await world.publish("name: hears\nsteps: [{id: w, wait: {signal: go}}]")
        run_id = await world.client.start("hears")
        await world.until(e.StepWaiting)
        return run_id


async def ends_after_a_signal(broker: Broker, run_id: str) -> bool:
    async with running(broker, "") as world:
        await world.client.signal(run_id, "go")
        return isinstance(await world.client.wait(run_id, 30), e.RunSucceeded)


def said_by(command: str, environment: dict[str, str], *, follows: bool) -> str:
    """What a command of the page prints, in a process of its own; one that follows is ended after a line."""
    run = [sys.executable, "-P", "-m", "console", *command.split()[1:]]
    with subprocess.Popen(run, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            first = program.stdout.readline() if follows else ""
            if follows:
                program.send_signal(signal.SIGTERM)
            out, err = program.communicate(timeout=60)
        finally:
            program.kill()
    assert program.returncode == 0, err
    return first + out


@pytest.mark.timeout(240)
def test_the_page_is_true(two_brokers: tuple[Broker, Broker], s3: str, here: Path) -> None:
    old, new = two_brokers
    run_id = asyncio.run(a_run_that_waits(old))
    places = {"kafka-1:9092": old.bootstrap, "kafka-2:9092": new.bootstrap, "/backup/": f"{here}/", "s3://backups": s3}
    environment = {**os.environ, "MILLRACE_PARTITIONS": str(PARTITIONS), "PYTHONPATH": str(ROOT)}
    said = []
    for follows, command in COMMANDS:
        for written, meant in places.items():
            command = command.replace(written, meant)
        said.append(said_by(command, environment, follows=bool(follows)))
    assert [line for line in ("is up to date", "is whole", "restored ") if line not in "".join(said)] == []
    assert asyncio.run(ends_after_a_signal(new, run_id))


def test_the_page_names_every_command() -> None:
    assert [command.split()[1] for _, command in COMMANDS] == ["archive"] * 4 + ["restore"]


@pytest.mark.brokers("embedded")
def test_what_is_there_is_told_as_json(broker: Broker, topic_prefix: str, millrace: Millrace, here: Path) -> None:
    def settled(prefix: str) -> None:
        said = f'broker = "{broker.bootstrap}"\ntopic_prefix = "{prefix}"\npartitions = 2\n'
        (here / "millrace.toml").write_text(said, encoding="utf-8")

    settled(topic_prefix)
    assert "there are no topics" in millrace("archive", "backup").err
    asyncio.run(ensure_topics(broker.bootstrap, topic_prefix, 2))
    (here / "hello.yaml").write_text("name: hello\nsteps: [{id: a, transform: 1}]\n", encoding="utf-8")
    assert millrace("publish", "hello.yaml").code == 0
    archived = orjson.loads(millrace("archive", "backup", "--json").out)
    assert archived["archive"] == "backup" and archived["cut"]["ends"]["workflow.events"] == {"0": 0, "1": 0}
    verified = orjson.loads(millrace("archive", "backup", "--verify", "--json").out)
    assert verified["problems"] == [] and verified["records"] == archived["offsets"] > 0
    assert "already hold records" in millrace("restore", "backup").err
    settled(f"{topic_prefix}new.")
    restored = orjson.loads(millrace("restore", "backup", "--json").out)
    assert (restored["records"], restored["waiting"]) == (archived["offsets"], 0)
    assert "can't be restored" in millrace("restore", "backup").err
    for file in (here / "backup" / "workflow.definitions").glob("*.avro"):
        file.write_bytes(file.read_bytes()[:-5])
    damaged = millrace("archive", "backup", "--verify")
    assert damaged.code == 1 and "its SHA-256 is another" in damaged.err


def test_what_can_t_be_done_is_told_with_its_remedy(millrace: Millrace, here: Path) -> None:
    both = millrace("archive", "backup", "--verify", "--follow")
    assert both.code == 2 and "use one of the two" in both.err
    nothing = millrace("archive", "backup", "--verify")
    assert nothing.code == 1 and nothing.err == "error: backup holds no archive\n"
    assert millrace("restore", "backup").err == "error: backup holds no archive\n"
    unknown = millrace("archive", "ftp://backup")
    assert unknown.code == 1 and "ftp://backup names no object store" in unknown.err and "s3://" in unknown.err
    (here / "file").write_text("", encoding="utf-8")
    assert "the archive can't be reached" in millrace("archive", "file", "--verify").err
    (here / "archive.json").write_text('{"format": 1, "partitions": 7}', encoding="utf-8")
    other = millrace("restore", ".")
    assert "for 7 partitions, and the settings say 24" in other.err and "set partitions = 7" in other.err
    away = millrace("archive", "backup", "--broker", "127.0.0.1:1")
    assert away.code == 3 and "no Kafka broker answers" in away.err
