from typing import Any

from schemas.codec import Decoder, encode, fingerprint
from schemas.definitions import AliasMoved, WorkflowPublished
from streams.catalogue import Catalogue


def published(definition: str = "h1", version: int = 1) -> WorkflowPublished:
    return WorkflowPublished("hello", version, definition, f"name: hello # {definition}")


def moved(alias: str, version: int = 1, definition: str = "h1") -> AliasMoved:
    return AliasMoved("hello", alias, version, definition)


def catalogue(*records: Any, decoder: Decoder | None = None) -> Catalogue:
    folded = Catalogue(decoder or Decoder())
    for offset, record in enumerate(records):
        folded.take(b"key", encode(record) if not isinstance(record, bytes) else record, offset)
    return folded


def test_names_versions_and_aliases_stand_for_hashes() -> None:
    known = catalogue(published(), moved("1"), moved("latest"), moved("2", 2, "h2"), moved("latest", 2, "h2"))
    assert known.resolve("hello") == ("hello", 2, "h2")
    assert known.resolve("hello@latest") == ("hello", 2, "h2")
    assert known.resolve("hello@1") == ("hello", 1, "h1")
    assert known.resolve("hello@h1") == ("hello", 1, "h1")
    assert known.resolve("hello@production") is None
    assert known.resolve("bye") is None
    assert known.names["hello"].newest == 2
    assert known.names["hello"].version_of("h2") == 2
    assert known.names["hello"].version_of("h3") is None
    assert known.source("h1") == published()


def test_an_alias_moves_but_a_version_number_never_does() -> None:
    known = catalogue(moved("1"), moved("production"), moved("1", 1, "other"), moved("production", 2, "h2"))
    assert known.resolve("hello@1") == ("hello", 1, "h1")
    assert known.resolve("hello@production") == ("hello", 2, "h2")


def test_a_tombstone_takes_a_name_or_a_text_away() -> None:
    known = catalogue(published(), moved("old"))
    known.take(b"hello@old", None, 2)
    known.take(b"h1", None, 3)
    known.take(b"never@there", None, 4)
    assert known.resolve("hello@old") is None
    assert known.source("h1") is None


def test_what_is_no_record_is_remembered_and_stops_nothing() -> None:
    known = catalogue(b"garbage", moved("1"))
    assert list(known.unreadable) == [0]
    assert known.resolve("hello@1") == ("hello", 1, "h1")


def test_a_record_of_a_later_version_is_folded_once_its_schema_is_known() -> None:
    later = {
        "type": "record",
        "name": "AliasMoved",
        "namespace": "millrace",
        "fields": [
            *({"name": name, "type": "string"} for name in ("name", "alias")),
            {"name": "version", "type": "long"},
            {"name": "definition", "type": "string"},
            {"name": "note", "type": "string", "default": ""},
        ],
    }
    key = fingerprint(later)
    body = b"\x0ahello\x10friendly\x02\x04h1\x02!"
    decoder = Decoder()
    known = catalogue(b"\xc3\x01" + key + body, decoder=decoder)
    assert known.resolve("hello@friendly") is None and not known.unreadable
    decoder.learn(key, later)
    known.schema_learned()
    assert known.resolve("hello@friendly") == ("hello", 1, "h1")


def test_a_version_is_a_number_that_somebody_can_have_counted_to() -> None:
    known = catalogue(moved("²", 7), moved("9" * 5_000, 8), moved("latest", 0), moved("latest", 1 << 60), b"x")
    assert known.names["hello"].version_of("h1") is None and known.resolve("hello") is None
    assert "leaves no room" in known.unreadable[3] and list(known.unreadable) == [2, 3, 4]
