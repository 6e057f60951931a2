"""What leaves a partition: in order to each key, again until it is acked, and marked only once it has arrived."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from streams import outbox as outbox_module
from streams.outbox import Outbox
from tests.story import Story
from workflow.messages import CommandAway

ONE = "name: one\nsteps: [{id: a, tool: t.one}]"


class Owner:
    """An owner whose producer fails as often as it is told to."""

    def __init__(self) -> None:
        self.story = Story(ONE)
        self.sent: list[tuple[str, bytes]] = []
        self.failures = 0
        self.tasks: set[asyncio.Task[None]] = set()
        settings = SimpleNamespace(topic=lambda name: name)
        self.parts: Any = SimpleNamespace(spawn=self.spawn, producer=self, settings=settings)
        self.outbox = Outbox(self)  # type: ignore[arg-type]

    @property
    def state(self) -> Any:
        return self.story.partition

    def spawn(self, work: Any) -> None:
        self.tasks.add(asyncio.get_running_loop().create_task(work))

    async def send_and_wait(self, _topic: str, value: bytes, key: bytes, **_: Any) -> tuple[int, int]:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("no broker")
        self.sent.append((key.decode(), value))
        return 0, len(self.sent)

    def handle(self, message: Any) -> None:
        self.story.take(message)

    def forward(self, run_id: str, value: bytes) -> Any:
        self.story.take(CommandAway(value.decode(), run_id, 1, value, self.story.cause("command", value.decode())))
        return self.story.events[0]

    async def settled(self) -> None:
        await asyncio.wait_for(asyncio.gather(*self.tasks), 5)


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(outbox_module, "PAUSE", 0.01)


async def test_what_goes_to_one_key_goes_in_order_though_the_first_fails():
    owner = Owner()
    owner.failures = 2
    for value in (b"1", b"2", b"3"):
        owner.outbox.acked(owner.forward("r", value))
    await owner.settled()
    assert owner.sent == [("r", b"1"), ("r", b"2"), ("r", b"3")]


async def test_an_event_whose_ack_is_due_is_not_marked_as_arrived():
    owner = Owner()
    first, second = owner.forward("r", b"1"), owner.forward("r2", b"2")
    owner.outbox.acked(first)
    await owner.settled()
    assert owner.outbox.low() == (second.epoch, second.n)
    owner.outbox.mark()
    assert list(owner.state.outbox) == [(second.epoch, second.n)]
    owner.outbox.acked(second)
    await owner.settled()
    owner.outbox.mark()
    assert not owner.state.outbox and owner.outbox.low() == (1, owner.state.claim.n + 1)
    owner.outbox.close()


async def test_an_heir_sends_again_what_no_mark_says_has_arrived():
    owner, heir = Owner(), Owner()
    event = owner.forward("r", b"1")
    owner.outbox.acked(event)
    await owner.settled()
    owner.outbox.close()
    heir.story.partition = owner.story.replayed()
    heir.outbox.take_over()
    await heir.settled()
    assert heir.sent == owner.sent == [("r", b"1")]
    heir.outbox.close()


async def test_an_owner_that_lost_its_partition_sends_nothing_more():
    owner = Owner()
    owner.failures = 1
    owner.outbox.acked(owner.forward("r", b"1"))
    await asyncio.sleep(0)
    owner.outbox.close()
    await owner.settled()
    assert owner.sent == []
