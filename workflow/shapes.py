"""The shapes that values of the language have: as JSON Schema for the check, in words for the author."""

from dataclasses import dataclass
from typing import Any

Json = Any


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What a value looks like: as JSON Schema for the check, in words for its author."""

    schema: dict[str, Json]
    words: str


def ref(name: str, words: str) -> Shape:
    return Shape({"$ref": f"#/$defs/{name}"}, words)


def one_of(words: str, *schemas: dict[str, Json]) -> Shape:
    return Shape({"anyOf": list(schemas)}, words)


_TEMPLATED = {"type": "string", "pattern": r"\{\{"}
DURATION_PATTERN = r"^(([0-9]+(\.[0-9]+)?(us|ms|s|m|h|d|w))+|P.+)$"
NAME_PATTERN = r"^[a-z_][a-z0-9_]*$"
NAME = {"type": "string", "pattern": NAME_PATTERN}
_DURATION = {"type": "string", "pattern": DURATION_PATTERN}
LIST_OF_TEXT = {"type": "array", "items": {"type": "string"}}

ANY = Shape({}, "any value")
TEXT = Shape({"type": "string"}, "text")
TEXTS = Shape(LIST_OF_TEXT, "a list of texts")
TEXT_OR_TEXTS = one_of("a text or a list of texts", {"type": "string"}, LIST_OF_TEXT)
ID = Shape(NAME, "a name of small letters, digits and _")
IDS = Shape({"type": "array", "items": NAME}, "a list of step ids, such as [a, b]")
BOOLEAN = Shape({"type": "boolean"}, "true or false")
INTEGER = Shape({"type": "integer"}, "a whole number")
QUEUE = Shape(
    {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"},
    "a name of letters, digits and . _ - such as gpu-box",
)
COUNT = Shape({"type": "integer", "minimum": 1}, "a whole number from 1")
NUMBER = Shape({"type": "number", "minimum": 0}, "a number from 0")
WHOLE_OR_TEMPLATE = one_of("a whole number from 1", {"type": "integer", "minimum": 1}, _TEMPLATED)
NUMBER_OR_TEMPLATE = one_of("a number from 0", {"type": "number", "minimum": 0}, _TEMPLATED)
DURATION = Shape(_DURATION, "a duration such as 30s, 5m or 2d")
DURATION_OR_TEMPLATE = one_of("a duration such as 30s, 5m or 2d", _DURATION, _TEMPLATED)
CONDITION = Shape({"type": ["string", "boolean"]}, "an expression such as inputs.n > 3")
PROMPT = one_of(
    "a text, or {file: path}",
    {"type": "string"},
    {"type": "object", "properties": {"file": {"type": "string"}}, "required": ["file"], "additionalProperties": False},
)
VALUES = Shape({"type": ["object", "string"]}, "a mapping")
LABELS = Shape(
    {"type": "object", "additionalProperties": {"type": "string", "not": {"pattern": r"\{\{"}}},
    "a mapping of fixed texts",
)
TYPES = ref("type", "a type, such as string, or a mapping of names and types")
STEPS = ref("steps", "a list of steps")
ON_ERROR = one_of("fail, continue, or a list of steps", {"enum": ["fail", "continue"]}, {"$ref": "#/$defs/steps"})
MODEL = one_of(
    "the name of a model, a list of them, or {choose, by}",
    {"type": "string"},
    {**LIST_OF_TEXT, "minItems": 1},
    {"$ref": "#/$defs/choice"},
)


def enum(*names: str) -> Shape:
    return Shape({"enum": list(names)}, " or ".join(names))


THINKING = one_of(
    "true, false or a number of tokens", {"type": "boolean"}, {"type": "integer", "minimum": 0}, _TEMPLATED
)
EFFORT = one_of("low, medium, high, xhigh or max", {"enum": ["low", "medium", "high", "xhigh", "max"]}, _TEMPLATED)
PROMPT_CACHE = one_of("true, false, 5m or 1h", {"enum": [True, False, "5m", "1h"]}, _TEMPLATED)
_ATTACHMENT: dict[str, Json] = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("file", "url", "base64", "object", "type")},
    "additionalProperties": False,
}
ATTACHED = Shape(
    {"type": "array", "items": {"anyOf": [_ATTACHMENT, _TEMPLATED]}},
    "a list of {file: …}, {url: …} or {base64: …, type: …}",
)

BUDGET = ref("budget", "a budget such as {usd: 0.25, tokens: 60000}")
RETRY = ref("retry", "a mapping such as {attempts: 4, backoff: 1s}")
UNDO = ref("undo", "a tool or http call, such as {tool: billing.unrefund, with: {…}}")

ERROR_CLASSES = (
    "refused malformed rate_limited overloaded timeout unavailable budget auth fatal worker_lost unknown"
).split()
