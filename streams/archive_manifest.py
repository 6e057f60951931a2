"""What an archive says of itself: for how many partitions it is, what each file holds, up to where it is one whole."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from streams.archive_store import Store

NAME = "archive.json"
FORMAT = 1

Ends = Mapping[str, Mapping[int, int]]
"""Of each topic's partitions, an offset."""


class NoArchive(Exception):
    """There is no archive, or none that this version can use."""


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One file, as far as it was synced: what was appended since is not counted."""

    bytes: int
    sha256: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Up to where the archive holds what one cluster held: nothing is received in it that was not sent in it.

    The ends of the commands and outcomes were `seen` first, then the ends of the events were noted, then those of the
    rest. So whatever an event says has arrived in another topic is there. And whatever an event before the end took in
    lies before what was seen: a restored partition ends before the first event that took in more.
    """

    ends: Ends
    seen: Ends
    time: int
    """Microseconds since 1970, on the archiver's clock."""


@dataclass(slots=True)
class Manifest:
    """The note beside the files. An archive that a running `millrace dev` writes has no files and no cut in it."""

    partitions: int
    files: dict[str, ArchivedFile] = field(default_factory=dict)
    cut: Cut | None = None

    def write(self, store: Store) -> None:
        """Leave it in the store. Raises OSError."""
        store.put(NAME, json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode() + b"\n")


def read_manifest(store: Store) -> Manifest | None:
    """The manifest of an archive; None where none was begun. Raises NoArchive, OSError."""
    try:
        with store.open(NAME) as content:
            said: Any = json.loads(content[:])
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise NoArchive(f"{store}/{NAME} can't be read: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise NoArchive(f"{store}/{NAME} was written by another version of Millrace: use that version")
    try:
        return _manifest(said)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoArchive(f"{store}/{NAME} is damaged: {type(error).__name__}: {error}") from error


def _manifest(said: dict[str, Any]) -> Manifest:
    files = {name: ArchivedFile(**file) for name, file in said.get("files", {}).items()}
    cut = said.get("cut")
    return Manifest(
        int(said["partitions"]), files, cut and Cut(_ends(cut["ends"]), _ends(cut["seen"]), int(cut["time"]))
    )


def _ends(said: dict[str, dict[str, int]]) -> Ends:
    return {topic: {int(partition): int(end) for partition, end in ends.items()} for topic, ends in said.items()}
