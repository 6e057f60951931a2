"""The right to begin: it comes back with our own beats, and what waited while it was gone does not begin."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import encode
from schemas.workers import WorkerBeat
from steps.context import Context
from streams import beats as module
from streams.beats import FRESH, Beats
from streams.settings import WorkerSettings


class Topic:
    """`workflow.workers` as this process writes and reads it."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.kept: list[tuple[bytes, bytes | None]] | None = None
        self.on_record: Any = None

    def reader(self, _bootstrap: str, _topic: str, on_record: Any, **_: Any) -> "Topic":
        self.on_record = on_record
        return self

    async def start(self) -> None:
        """Nothing to connect to."""

    async def read_to_end(self) -> int:
        return 0

    async def send_and_wait(self, _topic: str, value: bytes | None, key: bytes, _partition: int) -> None:
        if self.kept is None:
            self.on_record(key, value, 0)
        else:
            self.kept.append((key, value))

    def let_go(self) -> None:
        kept, self.kept = self.kept or [], None
        for key, value in kept:
            self.on_record(key, value, 0)


@pytest.fixture
def uptime(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(module, "uptime", lambda: now[0])
    monkeypatch.setattr("steps.clock.uptime", lambda: now[0])
    return now


async def beating(topic: Topic) -> Beats:
    settings = WorkerSettings(data_dir=Path())
    beats = Beats("me", "seat", topic, settings, topic.reader)  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        await beats.start()
    return beats


async def test_a_beat_that_came_back_lets_steps_begin_for_a_while(uptime):
    beats = await beating(Topic())
    assert Context(beats.begin_by).begin()
    uptime[0] += FRESH
    assert not Context(beats.begin_by).begin()
    await beats.beat()
    assert Context(beats.begin_by).begin()


async def test_beats_that_waited_while_we_were_stopped_give_no_right(uptime):
    topic = Topic()
    beats = await beating(topic)
    topic.kept = []
    await beats.beat()
    uptime[0] += 2 * FRESH
    topic.let_go()
    assert not Context(beats.begin_by).begin()


async def test_a_lapse_is_told_when_our_beats_come_back(uptime):
    beats, lapses = await beating(Topic()), []
    beats.on_lapsed = lambda: lapses.append(uptime[0])
    await beats.beat()
    assert not lapses
    uptime[0] += FRESH + 0.1
    await beats.beat()
    await beats.beat()
    assert lapses == [uptime[0]]


async def test_an_attempt_that_waited_across_a_lapse_does_not_begin(uptime):
    beats, waiting = await beating(Topic()), Context()
    waiting.begin_by = beats.begin_by

    def revoke() -> None:
        waiting.revoked = True

    beats.on_lapsed = revoke
    uptime[0] += FRESH + 0.1
    await beats.beat()
    assert Context(beats.begin_by).begin() and not waiting.begin() and not waiting.begun


async def test_whose_seat_was_taken_begins_nothing_more_whatever_comes_back(uptime):
    beats, taken = await beating(Topic()), []
    beats.on_superseded = lambda: taken.append(True)
    newer = WorkerBeat("other", "seat", beats.start_number + 1, 1, 0, "0")
    beats._read(b"other", encode(newer), 0)
    await beats.beat()
    assert taken == [True] and not Context(beats.begin_by).begin()
