"""How often, how long and where a step runs: what it says, over what the file's `defaults` say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from workflow.definition import NO_RETRY, OnTimeout, OnUnknown, Retry
from workflow.durations import parse_duration
from workflow.errors import Problems
from workflow.keys import KINDS
from workflow.levels import LEVELS
from workflow.parse.drafts import Draft
from workflow.parse.fields import Fields
from workflow.yaml import Mapping as MappingNode
from workflow.yaml import Node, plain

ONLY_MODELS = frozenset(
    {"model", "max_tokens", "temperature", "top_p", "effort", "thinking", "prompt_cache", "content"}
)


@dataclass(frozen=True)
class Policy:
    """What holds for one step."""

    timeout: int | None
    deadline: int | None
    retry: Retry
    idempotent: bool
    on_unknown: OnUnknown | None
    queue: str | None
    priority: int
    on_timeout: OnTimeout
    labels: Mapping[str, str] = field(default_factory=dict)


class Policies:
    """The `defaults` of a file; they hold for the kinds of step that leave the process."""

    def __init__(self, node: Node | None, problems: Problems) -> None:
        self.problems = problems
        self.entries: dict[str, Node] = {}
        if isinstance(node, MappingNode):
            self.entries = Fields(node, LEVELS["defaults"].keys, "`defaults`", problems).entries
            _retry(self.entries.get("retry"), None, problems)

    def for_kind(self, kind: str) -> dict[str, Node]:
        if not KINDS[kind].retried:
            return {}
        asks = kind in ("model", "agent")
        return {name: node for name, node in self.entries.items() if asks or name not in ONLY_MODELS}

    def of(self, draft: Draft) -> Policy:
        fields, defaults = draft.fields, self.for_kind(draft.kind)

        def value(name: str) -> Node | None:
            return fields.node_of(name) or defaults.get(name)

        retry = _retry(fields.node_of("retry"), defaults.get("retry"), self.problems)
        return Policy(
            timeout=_duration(value("timeout")),
            deadline=_duration(value("deadline")),
            retry=retry if KINDS[draft.kind].retried or "retry" in fields else NO_RETRY,
            idempotent=bool(fields.value("idempotent", False)),
            on_unknown=fields.value("on_unknown", None),
            queue=_plain(value("queue")),
            priority=_plain(value("priority")) or 0,
            on_timeout=cast(OnTimeout, fields.value("on_timeout", "fail")),
            labels=fields.value("labels", {}),
        )


def _plain(node: Node | None) -> Any:
    return None if node is None else plain(node)


def _duration(node: Node | None) -> int | None:
    return None if node is None else parse_duration(plain(node))


def _retry(node: Node | None, default: Node | None, problems: Problems) -> Retry:
    """The keys of the step's `retry`, each over the one of `defaults`."""
    values: dict[str, object] = {}
    for each in (default, node):
        if isinstance(each, MappingNode):
            fields = Fields(each, LEVELS["retry"].keys, "`retry`", problems)
            values |= {name: _retry_value(name, plain(entry)) for name, entry in fields.entries.items()}
    return Retry(**values)  # type: ignore[arg-type]


def _retry_value(name: str, value: object) -> object:
    if name in ("backoff", "max"):
        return parse_duration(value)
    if name == "on" and isinstance(value, list):
        return frozenset(value)
    return float(value) if name == "factor" and isinstance(value, (int, float)) else value
