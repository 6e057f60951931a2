"""What starts runs by itself: schedules and topics."""

from workflow.cel.scope import EVENT, FIRE, Scope
from workflow.definition import Trigger
from workflow.errors import Problems
from workflow.levels import LEVELS
from workflow.parse.fields import Fields
from workflow.template import compile_condition, compile_template, constant
from workflow.yaml import Mapping, Node, Sequence

_BESIDE = {"schedule": ("timezone", "overlap", "catch_up"), "topic": ("filter",)}


def read_triggers(node: Node | None, scope: Scope, problems: Problems) -> tuple[Trigger, ...]:
    found = []
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Mapping):
            trigger = _trigger(item, scope, problems)
            found += [trigger] if trigger is not None else []
        else:
            problems.add("type", "a trigger is a mapping", "write {schedule: …} or {topic: …}", item.place)
    return tuple(found)


def _trigger(node: Mapping, scope: Scope, problems: Problems) -> Trigger | None:
    level = LEVELS["trigger"]
    fields = Fields(node, level.keys, "a trigger", problems)
    kind = fields.one_of(level.one_of)
    if kind is None:
        return None
    other = "topic" if kind == "schedule" else "schedule"
    for name in _BESIDE[other]:
        if name in fields:
            place = fields.key_place(name)
            problems.add("misplaced_key", f"`{name}` belongs to a trigger with `{other}`", "remove it", place)
    inner = scope.with_roots({"fire": FIRE} if kind == "schedule" else {"event": EVENT})
    condition, values = fields.node_of("filter"), fields.node_of("with")
    return Trigger(
        kind=kind,
        target=fields.value(kind),
        config={name: fields.value(name) for name in _BESIDE[kind] if name in fields and name != "filter"},
        filter=None if condition is None else compile_condition(condition, inner, problems),
        inputs=constant({}) if values is None else compile_template(values, inner, problems),
        place=node.place,
    )
