"""Produce requests on one connection: what waits shares a request, each answer finds its batch, a loss is told."""

import asyncio
import struct

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.produce_connection import IN_FLIGHT, Batch, ProduceConnection


class Line:
    """Stands for the transport: keeps what was written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.transport = self

    def write(self, sent: bytes) -> None:
        self.written.append(sent)


def batch(partition: int) -> Batch:
    return Batch(b"t", partition, b"records", asyncio.get_running_loop().create_future())


def answer(correlation: int, *partitions: int, error: int = 0) -> bytes:
    """What a broker answers, each batch at offset 100 + its partition."""
    body = struct.pack(">ii", correlation, len(partitions))
    for partition in partitions:
        body += struct.pack(">h1si", 1, b"t", 1) + struct.pack(">ihqqq", partition, error, 100 + partition, -1, 0)
    body += struct.pack(">i", 0)
    return struct.pack(">i", len(body)) + body


async def test_what_comes_while_requests_are_under_way_shares_the_next_one():
    line = Line()
    connection = ProduceConnection(line, 1000)
    batches = [batch(number) for number in range(IN_FLIGHT + 3)]
    for each in batches:
        connection.send(each)
    assert len(line.written) == IN_FLIGHT
    connection.data_received(answer(1, 0))
    assert len(line.written) == IN_FLIGHT + 1
    assert batches[0].answer.result() == (0, 100)
    rest = answer(2, 1) + answer(3, 2, 3, 4)
    connection.data_received(rest[:11])
    connection.data_received(rest[11:])
    assert [each.answer.result() for each in batches[1:]] == [(0, 101), (0, 102), (0, 103), (0, 104)]


async def test_an_error_code_is_its_own_batchs():
    connection = ProduceConnection(Line(), 1000)
    refused, kept = batch(0), batch(1)
    connection.send(refused)
    connection.send(kept)
    connection.data_received(answer(1, 0, error=6) + answer(2, 1))
    assert (refused.answer.result()[0], kept.answer.result()) == (6, (0, 101))


async def test_a_lost_connection_fails_all_that_has_no_answer():
    connection = ProduceConnection(Line(), 1000)
    batches = [batch(number) for number in range(IN_FLIGHT + 1)]
    for each in batches:
        connection.send(each)
    connection.connection_lost(OSError("reset"))
    assert connection.lost
    for each in batches:
        with pytest.raises(KafkaConnectionError, match="reset"):
            each.answer.result()
