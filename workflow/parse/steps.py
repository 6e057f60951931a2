"""Compiles drafts into steps: scopes, expressions, and the lists inside."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from workflow.cel.scope import ERROR, STEP, Scope, step_type
from workflow.definition import Case, Json, Step, Steps
from workflow.errors import Problems
from workflow.expressions import Expression, paths_known_if
from workflow.parse.absence import may_be_absent
from workflow.parse.conversation import Conversations
from workflow.parse.drafts import Draft, check_variable
from workflow.parse.fields import Fields
from workflow.parse.files import Files
from workflow.parse.kinds import Arguments, Context, arguments
from workflow.parse.order import ancestors, in_order, resolve_needs
from workflow.parse.outputs import Made, output_type
from workflow.parse.policies import Policies
from workflow.parse.schema import read_schema
from workflow.parse.undo import read_undo
from workflow.parse.visible import Unseen, Visible
from workflow.schema import Schema
from workflow.template import compile_condition
from workflow.types import DYN, INT, Type, object_of
from workflow.yaml import Mapping as MappingNode
from workflow.yaml import Node

_SETTINGS = ("attach cache budget mode tools fallback on_exhausted content failed patch before after remove").split()


@dataclass
class Compiled:
    """One list of steps, the types its steps have in expressions, and the type of its output."""

    steps: Steps
    types: dict[str, Type]
    last: Type


@dataclass
class Inside:
    """The lists of steps inside a step."""

    branches: dict[str, Steps] = field(default_factory=dict)
    body: Steps | None = None
    cases: list[Case] = field(default_factory=list)
    on_error: "Literal['fail', 'continue'] | Steps" = "fail"
    condition: Expression | None = None


@dataclass
class StepCompiler:
    """Compiles every list of steps of one file."""

    problems: Problems
    files: Files
    policies: Policies
    by_id: Mapping[str, Draft]

    def list_of(self, drafts: list[Draft], outer: Scope, around: Mapping[str, Type]) -> Compiled:
        """Compiles one list; `around` are the steps that all of its steps see."""
        outer = outer.with_roots({"step": STEP})
        resolve_needs(drafts, self.problems)
        ordered = in_order(drafts, self.problems)
        bits = {draft.id: 1 << number for number, draft in enumerate(ordered)}
        masks = ancestors(ordered)
        types: dict[str, Type] = {}
        compiled: dict[str, Step] = {}
        for draft in ordered:
            visible = Visible(around, bits, masks[draft.id], types)
            scope = outer.with_steps(visible, Unseen(draft, self.by_id))
            compiled[draft.id], given = self.step(draft, scope, visible)
            types[draft.id] = step_type(given, may_be_absent(draft))
        last = (types[drafts[-1].id].fields or {})["output"] if drafts else DYN
        return Compiled(_steps([compiled[draft.id] for draft in drafts]), types, last)

    def step(self, draft: Draft, outer: Scope, visible: Mapping[str, Type]) -> tuple[Step, Type]:
        fields = draft.fields
        when = self.condition(fields.node_of("when"), outer)
        scope = outer.knowing(paths_known_if(when.source)) if when is not None else outer
        output = self.output(fields)
        defaults = self.policies.for_kind(draft.kind)
        conversations = Conversations(self.by_id, self.files, self.problems)
        context = Context(draft, fields, scope, output, self.problems, self.files, defaults, conversations)
        given = arguments(context)
        made = Made(output, given.config.type)
        inside = self.inside(draft, scope, visible, made)
        kind = output_type(draft, made)
        own = Visible(visible, {draft.id: 1}, 1, {draft.id: step_type(kind, False)})
        undo = read_undo(replace(context, scope=scope.with_steps(own, scope.unseen)))
        return replace(self.built(draft, given, inside), when=when, output=output, undo=undo), kind

    def built(self, draft: Draft, given: Arguments, inside: Inside) -> Step:
        fields, policy = draft.fields, self.policies.of(draft)
        return Step(
            id=draft.id,
            kind=draft.kind,
            place=draft.place,
            config=given.config,
            needs=draft.needs,
            target=given.target,
            models=given.models,
            timeout=policy.timeout,
            deadline=policy.deadline,
            retry=policy.retry,
            on_error=inside.on_error,
            on_timeout=policy.on_timeout,
            idempotent=policy.idempotent,
            on_unknown=policy.on_unknown,
            queue=policy.queue,
            priority=policy.priority,
            branches=inside.branches,
            body=inside.body,
            cases=tuple(inside.cases),
            condition=inside.condition,
            bind=fields.value("as", "item"),
            at_most=fields.value("at_most"),
            labels=policy.labels,
            description=fields.value("description", ""),
            settings=_settings(fields, given),
            keys=fields.keys,
        )

    def condition(self, node: Node | None, scope: Scope) -> Expression | None:
        return None if node is None else compile_condition(node, scope, self.problems)

    def output(self, fields: Fields) -> Schema | None:
        node = fields.node_of("output")
        return None if node is None else read_schema(node, self.problems)

    def inside(self, draft: Draft, scope: Scope, visible: Mapping[str, Type], made: Made) -> Inside:
        found = Inside()
        lists: dict[str, Type] = {}
        for name, drafts in draft.branches.items():
            branch = self.list_of(drafts, scope, visible)
            found.branches[name], lists[name] = branch.steps, branch.last
        for fields, drafts in draft.cases:
            self.case(fields, drafts, scope, visible, found, made)
        if draft.body:
            body = self.list_of(draft.body, self.body_scope(draft, scope, made), visible)
            found.body, lists["body"] = body.steps, body.last
        made.lists = lists
        found.condition = self.loop_condition(draft, scope)
        found.on_error = self.on_error(draft, scope, visible, made)
        return found

    def case(
        self, fields: Fields, drafts: list[Draft], scope: Scope, visible: Mapping[str, Type], found: Inside, made: Made
    ) -> None:
        when = self.condition(fields.node_of("when"), scope)
        inner = scope.knowing(paths_known_if(when.source)) if when is not None else scope
        compiled = self.list_of(drafts, inner, visible)
        found.cases.append(Case(when, compiled.steps))
        made.cases.append(compiled.last)

    def body_scope(self, draft: Draft, scope: Scope, made: Made) -> Scope:
        """What the steps of an `each` or a `loop` see besides."""
        if draft.kind == "loop":
            return scope.with_roots({"round": self.round_type(draft)})
        name = draft.fields.value("as", "item")
        if "as" in draft.fields:
            check_variable(name, draft.fields.entries["as"].place, self.problems)
        items = (made.config.fields or {}).get("items", DYN)
        return scope.with_roots({name: items.element or DYN, "index": INT})

    def round_type(self, draft: Draft) -> Type:
        """`round.output` has the declared type of the last step of the body."""
        declared = self.output(draft.body[-1].fields) if draft.body else None
        return object_of({"index": INT, "output": DYN if declared is None else declared.type})

    def loop_condition(self, draft: Draft, scope: Scope) -> Expression | None:
        node = draft.fields.node_of("loop")
        condition = node.entries.get("while") if isinstance(node, MappingNode) else None
        return self.condition(condition, scope.with_roots({"round": self.round_type(draft)}))

    def on_error(
        self, draft: Draft, scope: Scope, visible: Mapping[str, Type], made: Made
    ) -> "Literal['fail', 'continue'] | Steps":
        if not draft.on_error:
            return "continue" if draft.fields.value("on_error") == "continue" else "fail"
        handlers = self.list_of(draft.on_error, scope.with_roots({"error": ERROR}), visible)
        made.handled = handlers.last
        return handlers.steps


def _settings(fields: Fields, given: Arguments) -> dict[str, Json]:
    return {**{name: fields.value(name) for name in _SETTINGS if name in fields}, **given.settings}


def _steps(order: list[Step]) -> Steps:
    """The list with its frontier worked out."""
    dependents: dict[str, list[str]] = {step.id: [] for step in order}
    for step in order:
        for name in step.needs:
            dependents[name].append(step.id)
    return Steps(
        order=tuple(order),
        by_id={step.id: step for step in order},
        dependents={name: tuple(waiting) for name, waiting in dependents.items()},
        roots=tuple(step.id for step in order if not step.needs),
    )
