import pytest

from schemas.codec import Decoder
from schemas.definitions import WorkflowPublished
from schemas.topics import MAX_RECORD
from streams.catalogue import Catalogue
from streams.publishing import Publication, PublishingContended, TooLarge, publish


class Log:
    """`workflow.definitions` in memory; `meanwhile` is appended by others just before our next batch."""

    def __init__(self) -> None:
        self.catalogue = Catalogue(Decoder())
        self.records: list[tuple[bytes, bytes]] = []
        self.meanwhile: list[list[tuple[bytes, bytes]]] = []
        self._read = 0

    async def read_to_end(self) -> int:
        for offset in range(self._read, len(self.records)):
            self.catalogue.take(*self.records[offset], offset)
        self._read = len(self.records)
        return self._read

    async def append(self, records: list[tuple[bytes, bytes]]) -> int:
        if self.meanwhile:
            self.records += self.meanwhile.pop(0)
        self.records += records
        return len(self.records) - len(records)


def draft(definition: str, name: str = "hello") -> WorkflowPublished:
    return WorkflowPublished(name, 0, definition, f"name: {name}", "hello.yaml", 5, "someone")


async def batch_of(definition: str, name: str = "hello", after: Log | None = None) -> list[tuple[bytes, bytes]]:
    """What another publisher appends who has seen the same log."""
    other = Log()
    other.records = list(after.records) if after else []
    before = len(other.records)
    await publish(other, draft(definition, name), ())
    return other.records[before:]


async def test_versions_count_from_one_and_latest_moves() -> None:
    log = Log()
    assert await publish(log, draft("h1"), ("production",)) == Publication(
        "hello", 1, "h1", True, ("latest", "production")
    )
    assert await publish(log, draft("h2"), ()) == Publication("hello", 2, "h2", True, ("latest",))
    assert log.catalogue.resolve("hello@production") == ("hello", 1, "h1")
    published = log.catalogue.source("h2")
    assert published is not None and (published.version, published.by, published.time) == (2, "someone", 5)
    assert [key for key, _ in log.records] == [
        b"h1", b"hello@1", b"hello@latest", b"hello@production", b"h2", b"hello@2", b"hello@latest"
    ]  # fmt: skip


async def test_the_same_definition_makes_no_version_but_may_move_names() -> None:
    log = Log()
    await publish(log, draft("h1"), ())
    await publish(log, draft("h2"), ())
    before = len(log.records)
    assert await publish(log, draft("h2"), ()) == Publication("hello", 2, "h2", False, ())
    assert len(log.records) == before
    assert await publish(log, draft("h1"), ()) == Publication("hello", 1, "h1", False, ("latest",))
    assert log.catalogue.resolve("hello") == ("hello", 1, "h1")


async def test_somebody_who_published_another_name_meanwhile_is_in_nobodys_way() -> None:
    log = Log()
    log.meanwhile = [await batch_of("x1", "other")]
    assert (await publish(log, draft("h1"), ())).version == 1


async def test_two_who_publish_one_name_at_once_get_two_versions_that_stand_after_compaction() -> None:
    log = Log()
    await publish(log, draft("h1"), ())
    log.meanwhile = [await batch_of("theirs", after=log)]
    assert await publish(log, draft("ours"), ()) == Publication("hello", 3, "ours", True, ("latest",))
    compacted = Log()
    compacted.records = list(dict(log.records).items())
    await compacted.read_to_end()
    for known in (log.catalogue, compacted.catalogue):
        assert known.resolve("hello@2") == ("hello", 2, "theirs")
        assert known.resolve("hello@3") == ("hello", 3, "ours")
        source = known.source("ours")
        assert source is not None and source.version == 3


async def test_publishing_gives_up_when_others_are_always_first() -> None:
    with pytest.raises(PublishingContended, match="5 times"):
        await publish(_AlwaysSecond(Log()), draft("ours"), ())


class _AlwaysSecond:
    """A log in which another publisher takes each version just before us."""

    def __init__(self, log: Log) -> None:
        self.log, self.catalogue = log, log.catalogue

    async def read_to_end(self) -> int:
        return await self.log.read_to_end()

    async def append(self, records: list[tuple[bytes, bytes]]) -> int:
        if len(records) > 1:
            self.log.meanwhile = [await batch_of(f"theirs{len(self.log.records)}", after=self.log)]
        return await self.log.append(records)


async def test_a_workflow_that_no_record_holds_is_refused() -> None:
    huge = WorkflowPublished("hello", 0, "h1", "#" * MAX_RECORD, "huge.yaml")
    with pytest.raises(TooLarge, match=r"huge\.yaml is 900,"):
        await publish(Log(), huge, ())
