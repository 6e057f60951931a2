"""One ready StepScheduled, to be varied."""

import json
from typing import Any

from schemas.events import StepScheduled
from schemas.message import Cause


def scheduled(kind: str, target: str, arguments: Any = None, **more: Any) -> StepScheduled:
    fields: dict[str, Any] = {
        "run_id": "run-1",
        "seq": 3,
        "epoch": 1,
        "owner": "worker-1",
        "n": 7,
        "time": 0,
        "cause": Cause("step"),
        "path": "draft",
        "step": "draft",
        "attempt": 1,
        "worker": "worker-1",
        "key": "run-1/draft",
        "timeout": 10_000_000,
    }
    return StepScheduled(kind=kind, target=target, input=json.dumps(arguments or {}).encode(), **(fields | more))
