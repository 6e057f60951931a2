"""Publishing a workflow: an immutable version, and the names that point to it, in one batch."""

from dataclasses import dataclass, replace
from typing import Protocol

from schemas.codec import encode
from schemas.definitions import AliasMoved, WorkflowPublished
from schemas.topics import MAX_RECORD
from streams.catalogue import LATEST, Catalogue, Published

_ATTEMPTS = 5


class TooLarge(ValueError):
    """A workflow whose text does not fit in a record."""


class PublishingContended(RuntimeError):
    """Others kept publishing the same name at the same moment."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing came to. `new` says whether a version was made, `moved` which names point elsewhere now."""

    name: str
    version: int
    definition: str
    new: bool
    moved: tuple[str, ...]


class Definitions(Protocol):
    """`workflow.definitions`, as publishing needs it."""

    catalogue: Catalogue

    async def read_to_end(self) -> int:
        """Fold what is there; the offset of the end."""

    async def append(self, records: list[tuple[bytes, bytes]]) -> int:
        """Append as one batch; the offset of its first record."""


async def publish(definitions: Definitions, draft: WorkflowPublished, aliases: tuple[str, ...]) -> Publication:
    """Publish, unless the same definition is there: then only names move. The version of the draft is chosen here."""
    for _ in range(_ATTEMPTS):
        end = await definitions.read_to_end()
        publication = _planned(definitions.catalogue, draft, aliases)
        records = _records(publication, draft)
        if not records:
            return publication
        first = await definitions.append(records)
        await definitions.read_to_end()
        if first == end or await _stands(definitions, publication, draft):
            return publication
    raise PublishingContended(f"{draft.name}: others published it at the same moment, {_ATTEMPTS} times over")


def _planned(catalogue: Catalogue, draft: WorkflowPublished, aliases: tuple[str, ...]) -> Publication:
    known = catalogue.names.get(draft.name) or Published(draft.name)
    version = known.version_of(draft.definition)
    chosen = version or known.newest + 1
    wanted = dict.fromkeys((LATEST, *aliases))
    moved = tuple(alias for alias in wanted if known.aliases.get(alias) != (chosen, draft.definition))
    return Publication(draft.name, chosen, draft.definition, version is None, moved)


def _records(publication: Publication, draft: WorkflowPublished) -> list[tuple[bytes, bytes]]:
    version = publication.version
    records = []
    if publication.new:
        text = encode(replace(draft, version=version))
        if len(text) > MAX_RECORD:
            raise TooLarge(f"{draft.file or draft.name} is {len(text):,} bytes; a record holds {MAX_RECORD:,}")
        records = [(draft.definition.encode(), text), _pointer(draft, str(version), version)]
    return records + [_pointer(draft, alias, version) for alias in publication.moved]


def _pointer(draft: WorkflowPublished, alias: str, version: int) -> tuple[bytes, bytes]:
    moved = AliasMoved(draft.name, alias, version, draft.definition, draft.time, draft.by)
    return f"{draft.name}@{alias}".encode(), encode(moved)


async def _stands(definitions: Definitions, publication: Publication, draft: WorkflowPublished) -> bool:
    """Whether the version is ours. If another came first, its number is given back: compaction keeps what is last."""
    alias = str(publication.version)
    version, definition = definitions.catalogue.names[draft.name].aliases[alias]
    if definition != draft.definition:
        await definitions.append([_pointer(replace(draft, definition=definition), alias, version)])
    return definition == draft.definition
