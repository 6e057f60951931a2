"""Which steps an expression of a step may read, worked out only for the names that are asked for."""

from collections.abc import Iterator, Mapping

from workflow.parse.drafts import Draft
from workflow.types import Type

Types = dict[str, Type]


class Visible(Mapping[str, Type]):
    """The ancestors of one step: those of its own list by bits, and those of the lists around it."""

    def __init__(self, outer: Mapping[str, Type], bits: Mapping[str, int], mask: int, types: Types) -> None:
        self._outer, self._bits, self._mask, self._types = outer, bits, mask, types

    def __getitem__(self, name: str) -> Type:
        if self._bits.get(name, 0) & self._mask:
            return self._types[name]
        return self._outer[name]

    def __iter__(self) -> Iterator[str]:
        yield from (name for name, bit in self._bits.items() if bit & self._mask)
        yield from self._outer

    def __len__(self) -> int:
        return (self._mask & sum(self._bits.values())).bit_count() + len(self._outer)


class Unseen(Mapping[str, str]):
    """Why the other steps of the file can't be read from here."""

    def __init__(self, reader: Draft | None, by_id: Mapping[str, Draft]) -> None:
        self._reader, self._by_id = reader, by_id

    def __getitem__(self, name: str) -> str:
        return _reason(self._reader, self._by_id[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)


def _reason(reader: Draft | None, wanted: Draft) -> str:
    if wanted is reader:
        return "a step can't read itself; its own output is there after it"
    around = _around(reader)
    holder = wanted.parent
    while holder is not None and holder not in around:
        if reader is None or holder.siblings is reader.siblings:
            return f"it is inside `{holder.id}`: read `steps.{holder.id}.output`"
        holder = holder.parent
    if reader is not None and wanted.siblings is reader.siblings:
        return f"`{reader.id}` does not wait for it: name `{wanted.id}` in `needs`, or write it before"
    return "it is in another list of steps, which this one does not see"


def _around(reader: Draft | None) -> list[Draft]:
    found = []
    while reader is not None:
        found.append(reader)
        reader = reader.parent
    return found
