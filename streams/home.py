"""Where a run lives: the partition that its commands, outcomes and events share (PROTOCOL.md, 1)."""

from aiokafka.partitioner import murmur2


def partition_of(run_id: str, partitions: int) -> int:
    """The run's home among so many partitions, as Kafka's Java client and aiokafka choose it for the key `run_id`."""
    return int(murmur2(run_id.encode()) & 0x7FFFFFFF) % partitions
