"""Which dead letters are meant: offsets, and conditions as `--where` writes them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.failure import usage

if TYPE_CHECKING:
    from streams.letters import Letter

_CONDITION = re.compile(r"([a-z]+)([=~])(.*)", re.DOTALL)
_FIELDS: "dict[str, Callable[[Letter], str]]" = {
    "topic": lambda letter: letter.said.topic,
    "partition": lambda letter: str(letter.said.partition),
    "offset": lambda letter: str(letter.said.record_offset),
    "reason": lambda letter: letter.said.reason,
    "message": lambda letter: letter.said.message,
    "key": lambda letter: (letter.said.key or b"").decode(errors="replace"),
    "value": lambda letter: (letter.said.value or b"").decode(errors="replace"),
    "replayed": lambda letter: "yes" if letter.replays else "no",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """FIELD=VALUE, or FIELD~TEXT for what contains it."""

    field: str
    contains: bool
    text: str

    def holds(self, letter: "Letter") -> bool:
        said = _FIELDS[self.field](letter)
        return self.text in said if self.contains else said == self.text


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters; what is said of replays is known only when all were read."""

    offsets: frozenset[int]
    conditions: tuple[Condition, ...]

    def known(self, letter: "Letter") -> bool:
        """Whether the letter itself is wanted."""
        if self.offsets and letter.offset not in self.offsets:
            return False
        return all(condition.holds(letter) for condition in self.conditions if condition.field != "replayed")

    def all(self, letter: "Letter") -> bool:
        """Whether it is wanted, with what is known of its replays."""
        return all(condition.holds(letter) for condition in self.conditions)


def wanted(where: list[str], offsets: list[int]) -> Wanted:
    """What the command line says. Raises Failure."""
    return Wanted(frozenset(offsets), tuple(_condition(text) for text in where))


def _condition(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None or found[1] not in _FIELDS:
        raise usage(f"--where {text!r} is no condition", f"FIELD=VALUE or FIELD~TEXT; fields: {', '.join(_FIELDS)}")
    return Condition(found[1], found[2] == "~", found[3])
