import random

from aiokafka.partitioner import DefaultPartitioner

from streams.home import partition_of


def test_a_run_lives_where_kafkas_default_partitioner_puts_its_key() -> None:
    chance = random.Random(7)
    choose = DefaultPartitioner()
    for length in range(1, 129):
        run_id = "".join(chance.choices("abcXYZ019._:-", k=length))
        for partitions in (1, 4, 24, 1000):
            every = list(range(partitions))
            assert partition_of(run_id, partitions) == choose(run_id.encode(), every, every)


def test_the_choice_agrees_with_the_java_client() -> None:
    # murmur2 values from the tests of Kafka's own client (UtilsTest.testMurmur2), as positive numbers modulo 2**31.
    known = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536}
    for key, murmur2 in known.items():
        assert partition_of(key, 2**31) == murmur2 & 0x7FFFFFFF
