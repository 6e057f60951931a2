"""Reads the keys of one mapping of the language: unknown, missing and misplaced ones are told from each other."""

from collections.abc import Mapping as MappingOf
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from workflow.cel.paths import suggestion
from workflow.durations import parse_duration
from workflow.errors import Place, Problems
from workflow.keys import KINDS, STEP, WORKFLOW, Key
from workflow.levels import LEVELS
from workflow.shapes import DURATION, Shape
from workflow.yaml import Mapping, Node, Scalar, plain

Json = Any

_LISTS = frozenset({"steps", "cases", "triggers"})


class Fields:
    """The checked keys of one mapping; a value of the wrong shape is reported and left out."""

    def __init__(self, node: Mapping, keys: MappingOf[str, Key], where: str, problems: Problems) -> None:
        self.node, self.problems, self.where = node, problems, where
        self.place = node.place
        self.entries: dict[str, Node] = {}
        for name, value in node.entries.items():
            if name not in keys:
                self._unknown(name, keys)
            elif self._fits(name, value, keys[name].shape):
                self.entries[name] = value
        for name, key in keys.items():
            if key.required and name not in node.entries:
                problems.add("missing_key", f"`{name}` is missing in {where}", f"add `{name}: …`", node.place)

    def _unknown(self, name: str, keys: MappingOf[str, Key]) -> None:
        homes = _homes(name)
        place = self.node.keys[name]
        if name == "<<":
            self.problems.add(
                "unknown_key", "YAML 1.2 has no merge key", "write the keys out, or use `defaults`", place
            )
        elif homes:
            self.problems.add("misplaced_key", f"`{name}` does not belong to {self.where}", _moved(name, homes), place)
        else:
            remedy = suggestion(name, keys)
            self.problems.add("unknown_key", f"`{name}` is no key of {self.where}", remedy, place)

    def _fits(self, name: str, value: Node, shape: Shape) -> bool:
        json = plain(value)
        if not _validator(shape).is_valid(json):
            shown = f", not {json!r:.60}" if isinstance(value, Scalar) and value.value is not None else ""
            self.problems.add("type", f"`{name}` takes {shape.words}{shown}", f"write {shape.words}", value.place)
            return False
        return shape is not DURATION or self._is_duration(name, value)

    def _is_duration(self, name: str, value: Node) -> bool:
        try:
            parse_duration(plain(value))
        except ValueError as error:
            self.problems.add("type", f"`{name}`: {error}", f"write {DURATION.words}", value.place)
            return False
        return True

    def one_of(self, names: tuple[str, ...]) -> str | None:
        """Which of the keys that exclude each other is there; a problem unless it is exactly one."""
        found = [name for name in names if name in self.node.entries]
        if len(found) == 1:
            return found[0] if found[0] in self.entries else None
        listed = ", ".join(f"`{name}`" for name in names)
        message = f"{self.where} takes one of {listed}" + (f", not {len(found)}" if found else "")
        place = self.node.keys[found[1]] if found else self.place
        self.problems.add(
            "missing_key" if not found else "conflict", message, "keep one" if found else "add one", place
        )
        return None

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def node_of(self, name: str) -> Node | None:
        return self.entries.get(name)

    def value(self, name: str, default: Json = None) -> Json:
        node = self.entries.get(name)
        return default if node is None else plain(node)

    def duration(self, name: str) -> int | None:
        text = self.value(name)
        return None if text is None else parse_duration(text)

    def key_place(self, name: str) -> Place:
        return self.node.keys.get(name, self.place)

    @property
    def keys(self) -> dict[str, Place]:
        return {name: self.node.keys[name] for name in self.entries}


@cache
def _validator(shape: Shape) -> Draft202012Validator:
    return Draft202012Validator(_shallow(shape.schema))


def _shallow(schema: Json) -> Json:
    """The schema without what the parser checks itself, with better words."""
    if isinstance(schema, list):
        return [_shallow(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return {} if name == "type" else {"type": "array", "minItems": 1} if name in _LISTS else {"type": "object"}
    return {key: _shallow(value) for key, value in schema.items()}


def _homes(name: str) -> list[str]:
    """Where a key that is misplaced belongs."""
    homes = [f"inside `{level.inside}`" for level in LEVELS.values() if name in level.keys]
    kinds = [kind for kind, described in KINDS.items() if name in described.beside]
    if kinds:
        homes.append("to a step of kind " + " or ".join(f"`{kind}`" for kind in kinds))
    if name in STEP or name in KINDS:
        homes.append("to a step")
    if name in WORKFLOW:
        homes.append("to the top of the file")
    return list(dict.fromkeys(homes))


def _moved(name: str, homes: list[str]) -> str:
    return f"`{name}` belongs " + ", or ".join(homes[:3])
