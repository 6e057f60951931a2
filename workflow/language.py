"""The JSON Schema of the language for editors, made from the tables that the parser reads."""

import json
from typing import Any

from workflow.keys import BESIDE, KINDS, STEP, WORKFLOW, Key, Kind
from workflow.levels import LEVELS, Level
from workflow.shapes import NAME_PATTERN

Json = Any
Schema = dict[str, Json]

TYPE_PATTERN = r"^(string|integer|number|boolean|null|object|any)\??$"


def language_schema() -> Schema:
    """Draft 2020-12; an editor that is pointed to it completes and checks workflow files."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Millrace workflow",
        **_mapping(WORKFLOW, "One workflow."),
        "$defs": {**_shared(), **{name: _level(level) for name, level in LEVELS.items()}},
    }


def rendered() -> str:
    """The text of `language.schema.json`."""
    return json.dumps(language_schema(), indent=1, ensure_ascii=False) + "\n"


def _shared() -> Schema:
    return {
        "type": {
            "anyOf": [
                {"type": "string", "pattern": TYPE_PATTERN},
                {"type": "array", "items": {"$ref": "#/$defs/type"}, "minItems": 1, "maxItems": 1},
                {"type": "object"},
            ]
        },
        "steps": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}},
        "step": {"anyOf": [_step(name, kind) for name, kind in KINDS.items()] + [_step_with_prompt()]},
        "cases": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/case"}},
        "branches": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": NAME_PATTERN},
            "additionalProperties": {"$ref": "#/$defs/steps"},
        },
        "triggers": {"type": "array", "items": {"$ref": "#/$defs/trigger"}},
    }


def _step(name: str, kind: Kind) -> Schema:
    keys = {**STEP, **{beside: BESIDE[beside] for beside in kind.beside}, name: Key(kind.value, kind.about, True)}
    return _mapping(keys, kind.about)


def _step_with_prompt() -> Schema:
    keys = {**STEP, **{beside: BESIDE[beside] for beside in KINDS["model"].beside}}
    return _mapping({**keys, "prompt": Key(BESIDE["prompt"].shape, BESIDE["prompt"].about, True)}, KINDS["model"].about)


def _mapping(keys: dict[str, Key], about: str) -> Schema:
    required = [name for name, key in keys.items() if key.required]
    return {
        "description": about,
        "type": "object",
        "properties": {name: {"description": key.about, **key.shape.schema} for name, key in keys.items()},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _level(level: Level) -> Schema:
    schema = _mapping(level.keys, f"What stands inside `{level.inside}`.")
    return {**schema, "oneOf": [{"required": [name]} for name in level.one_of]} if level.one_of else schema
