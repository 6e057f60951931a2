"""The bytes of a produce request and of its answer (Kafka protocol, API key 0, version 7; record batch v2)."""

import struct
from collections.abc import Iterator, Sequence
from typing import Protocol

#: The version that Kafka 2.1 brought (KIP-110); every later broker knows it (KIP-896).
PRODUCE, VERSION = 0, 7
_CLIENT = b"millrace"
_HEADER = struct.Struct(f">hhih{len(_CLIENT)}s")
#: No transaction; acks=all; the broker's own time limit; how many topics.
_BODY = struct.Struct(">hhii")
_PARTITION = struct.Struct(">ihqqq")


class Batch(Protocol):
    """One record batch on its way to one partition."""

    topic: bytes
    partition: int
    buffer: bytes


def request(correlation: int, batches: Sequence[Batch], timeout_ms: int) -> bytes:
    """A frame that appends batches of several partitions. A topic may stand in it more than once."""
    parts = [
        _HEADER.pack(PRODUCE, VERSION, correlation, len(_CLIENT), _CLIENT),
        _BODY.pack(-1, -1, timeout_ms, len(batches)),
    ]
    for batch in batches:
        parts += [struct.pack(">h", len(batch.topic)), batch.topic]
        parts += [struct.pack(">iii", 1, batch.partition, len(batch.buffer)), batch.buffer]
    message = b"".join(parts)
    return struct.pack(">i", len(message)) + message


def correlation_of(frame: bytes) -> int:
    """Which request a frame (its length cut off) answers."""
    return int.from_bytes(frame[:4], "big", signed=True)


def answers(frame: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """(topic, partition, error code, offset of the first record) of each batch."""
    (topics,) = struct.unpack_from(">i", frame, 4)
    position = 8
    for _ in range(topics):
        (length,) = struct.unpack_from(">h", frame, position)
        topic = frame[position + 2 : position + 2 + length]
        position += 2 + length
        (partitions,) = struct.unpack_from(">i", frame, position)
        position += 4
        for _ in range(partitions):
            partition, error, base, _time, _start = _PARTITION.unpack_from(frame, position)
            position += _PARTITION.size
            yield topic, partition, error, base
