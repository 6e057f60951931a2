"""Which workflows are published: versions, the hashes they stand for, and the names that point to them."""

from dataclasses import dataclass, field

from schemas.codec import Decoder, Undecodable, UnknownSchema
from schemas.definitions import AliasMoved, WorkflowPublished

LATEST = "latest"
#: Beyond it a version number is none that anybody counted up to.
LAST_VERSION = 1 << 53


@dataclass(slots=True)
class Published:
    """One name: its aliases (`latest` and version numbers among them), each with (version, hash)."""

    name: str
    aliases: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def newest(self) -> int:
        """The highest version that was ever published."""
        return max((version for version, _ in self.aliases.values()), default=0)

    @property
    def latest(self) -> tuple[int, str] | None:
        """The version that `latest` stands for, and its hash."""
        return self.aliases.get(LATEST)

    def version_of(self, definition: str) -> int | None:
        """The version that has this hash, if it was published under this name."""
        return next((int(a) for a, (_, found) in self.aliases.items() if is_version(a) and found == definition), None)


def is_version(alias: str) -> bool:
    """Whether an alias is a version number, which never moves."""
    return alias.isascii() and alias.isdigit() and len(alias) < 19


class Catalogue:
    """The fold of `workflow.definitions`: the last record of a name counts, but of a version number the first."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.names: dict[str, Published] = {}
        self.definitions: dict[str, WorkflowPublished] = {}
        self.unreadable: dict[int, str] = {}
        """Offsets of records that this version can't read, and why."""
        self._waiting: list[tuple[bytes | None, bytes, int]] = []

    def take(self, key: bytes | None, value: bytes | None, offset: int) -> None:
        """Fold one record, as a CompactedReader hands it over."""
        if value is None:
            self._remove((key or b"").decode(errors="replace"))
            return
        try:
            record = self._decoder.decode(value)
        except UnknownSchema:
            self._waiting.append((key, value, offset))
        except Undecodable as error:
            self.unreadable[offset] = str(error)
        else:
            self._fold(record, offset)

    def _fold(self, record: object, offset: int) -> None:
        if isinstance(record, WorkflowPublished):
            self.definitions[record.definition] = record
        elif not isinstance(record, AliasMoved):
            self.unreadable[offset] = f"{type(record).__name__} has no meaning here"
        elif not 0 < record.version < LAST_VERSION:
            self.unreadable[offset] = (
                f"version {record.version} of {record.name[:80]!r} leaves no room for the next one"
            )
        else:
            aliases = self.names.setdefault(record.name, Published(record.name)).aliases
            if not (is_version(record.alias) and record.alias in aliases):  # a version number never moves
                aliases[record.alias] = (record.version, record.definition)

    def _remove(self, key: str) -> None:
        name, _, alias = key.rpartition("@")
        self.definitions.pop(key, None)
        if name in self.names:
            self.names[name].aliases.pop(alias, None)

    def schema_learned(self) -> None:
        """Fold what waited for a schema."""
        waiting, self._waiting = self._waiting, []
        for record in waiting:
            self.take(*record)

    def resolve(self, reference: str) -> tuple[str, int, str] | None:
        """(name, version, hash) of NAME, NAME@VERSION, NAME@ALIAS or NAME@HASH."""
        name, _, alias = reference.partition("@")
        if name not in self.names:
            return None
        known = self.names[name]
        found = known.aliases.get(alias or LATEST)
        if found is None and (version := known.version_of(alias)) is not None:
            found = (version, alias)
        return (name, *found) if found else None

    def source(self, definition: str) -> WorkflowPublished | None:
        """The published text of a hash."""
        return self.definitions.get(definition)
