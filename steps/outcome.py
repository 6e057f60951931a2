"""How one attempt ended."""

from dataclasses import dataclass, field
from typing import Literal

from schemas.message import ModelCall

Status = Literal["succeeded", "failed", "released"]


@dataclass(slots=True)
class Outcome:
    """`output` and `detail` are JSON; times are microseconds since the epoch, `retry_after` is microseconds."""

    status: Status
    output: bytes | None = None
    error_class: str = "ok"
    message: str = ""
    detail: bytes | None = None
    retry_after: int | None = None
    calls: list[ModelCall] = field(default_factory=list)
    started: int = 0
    ended: int = 0
