"""Group commit: one batch in flight, acks in order, every surprise told once."""

import asyncio

import pytest

from schemas.events import StepSkipped
from schemas.message import Cause
from streams.appender import MAX_BATCH, Appender, Surprise


def event(number: int, size: int = 0) -> StepSkipped:
    return StepSkipped("r", number, 1, "w", number, 0, Cause("step"), "p" * size, "s")


class Log:
    """A broker in memory whose acks are let through by hand."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.end = 10
        self.gate = asyncio.Semaphore(0)
        self.error: Exception | None = None
        self.acked: list[tuple[list[int], int]] = []
        self.surprises: list[Exception] = []

    async def send(self, records: list[tuple[bytes, bytes]]) -> int:
        self.sent.append(len(records))
        await self.gate.acquire()
        if self.error is not None:
            raise self.error
        base, self.end = self.end, self.end + len(records)
        return base

    def appender(self) -> Appender:
        return Appender(
            self.send,
            self.end,
            lambda entries, base: self.acked.append(([entry.event.n for entry in entries], base)),
            self.surprises.append,
        )


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_queues_while_a_batch_is_in_flight_is_the_next_batch():
    log = Log()
    appender = log.appender()
    appender.append([event(1)], None)
    await settle()
    appender.append([event(2)], None)
    appender.append([event(3), event(4)], None)
    await settle()
    assert log.sent == [1] and appender.backlog == 4
    log.gate.release()
    log.gate.release()
    await settle()
    assert log.sent == [1, 3] and log.acked == [([1], 10), ([2, 3, 4], 11)]
    assert appender.backlog == 0 and appender.batches == 2


async def test_a_batch_stays_below_the_brokers_limit():
    log = Log()
    appender = log.appender()
    appender.append([event(n, MAX_BATCH // 3) for n in range(1, 6)], None)
    for _ in range(3):
        log.gate.release()
        await settle()
    assert log.sent == [2, 2, 1]


async def test_a_record_larger_than_a_batch_goes_alone():
    log = Log()
    appender = log.appender()
    appender.append([event(1, MAX_BATCH + 5), event(2)], None)
    await settle()
    assert log.sent == [1]


async def test_an_ack_at_another_offset_is_a_surprise():
    log = Log()
    appender = log.appender()
    log.end += 1  # somebody else wrote
    appender.append([event(1), event(2)], None)
    log.gate.release()
    await settle()
    assert isinstance(log.surprises[0], Surprise) and not log.acked
    assert [entry.event.n for entry in appender.close()] == [1, 2]


async def test_a_failed_produce_is_a_surprise_and_what_was_queued_is_told():
    log = Log()
    appender = log.appender()
    appender.append([event(1)], None)
    await settle()
    appender.append([event(2)], None)
    log.error = TimeoutError()
    log.gate.release()
    await settle()
    assert log.surprises == [log.error]
    assert [entry.event.n for entry in appender.close()] == [1, 2]


@pytest.mark.parametrize("fails", [False, True])
async def test_after_closing_nothing_is_acted_on(fails):
    log = Log()
    appender = log.appender()
    appender.append([event(1)], None)
    await settle()
    assert len(appender.close()) == 1
    log.error = TimeoutError() if fails else None
    log.gate.release()
    await settle()
    appender.append([event(2)], None)
    await settle()
    assert not log.acked and not log.surprises and log.sent == [1]
