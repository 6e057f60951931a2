"""Turns a model's text into the step's output: itself, or the JSON value that the step declared."""

from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson

from steps.failure import ErrorClass, StepFailed


class AnswerMalformed(StepFailed):
    """The answer is not what the step declared."""

    def __init__(self, why: str, text: str) -> None:
        super().__init__(ErrorClass.MALFORMED, f"the model's answer is not the declared output: {why}", detail=text)


def output_of(text: str, schema: dict[str, Any] | None) -> bytes:
    if schema is None:
        return orjson.dumps(text)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise AnswerMalformed(f"no JSON ({error})", text) from error
    faults = [_fault(error) for error in _validator(orjson.dumps(schema)).iter_errors(value)]
    if faults:
        raise AnswerMalformed("; ".join(faults), text)
    return orjson.dumps(value)


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    return jsonschema_rs.validator_for(orjson.loads(schema))


def _fault(error: jsonschema_rs.ValidationError) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    return f"at output{place}: {error.message}"
