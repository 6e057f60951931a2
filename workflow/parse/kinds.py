"""The arguments of each kind of step, compiled."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from workflow.cel.scope import Scope
from workflow.definition import Json
from workflow.durations import parse_duration, parse_timestamp
from workflow.errors import Problems
from workflow.levels import LEVELS
from workflow.parse.conversation import Conversations
from workflow.parse.drafts import Draft
from workflow.parse.fields import Fields
from workflow.parse.files import Files
from workflow.schema import Schema
from workflow.template import Template, compile_template, constant
from workflow.yaml import Mapping, Node, Scalar, Sequence, plain

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_TOOL = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+|mcp:[\w./*-]+", re.ASCII)
_REFERENCE = re.compile(r"[a-z0-9][a-z0-9_./-]*(@[\w.-]+)?", re.ASCII)
_CALLED = (
    *("system", "prompt", "messages", "attach", "max_tokens", "temperature", "top_p", "stop"),
    *("thinking", "effort", "prompt_cache"),
)


@dataclass
class Arguments:
    """What a step is called with."""

    config: Template
    target: str | None = None
    models: tuple[str, ...] = ()
    settings: dict[str, Json] = field(default_factory=dict)


@dataclass
class Context:
    """What reading arguments needs."""

    draft: Draft
    fields: Fields
    scope: Scope
    output: Schema | None
    problems: Problems
    files: Files
    defaults: dict[str, Node]
    conversations: Conversations

    def template(self, node: Node, *secret_places: str, extra: dict[str, Json] | None = None) -> Template:
        return compile_template(node, self.scope, self.problems, secret_places, extra)

    def default(self, name: str) -> Node | None:
        return self.fields.node_of(name) or self.defaults.get(name)


def arguments(context: Context) -> Arguments:
    """The arguments of the step, by its kind."""
    return _BY_KIND[context.draft.kind](context)


def _model(context: Context) -> Arguments:
    fields = context.fields
    if context.draft.kind == "model" and not {"prompt", "messages", "continue"} & fields.entries.keys():
        message = "a `model` step needs something to ask"
        context.problems.add("missing_key", message, "add `prompt: …` or `messages: …`", fields.place)
    entries = {name: node for name in _CALLED if (node := context.default(name)) is not None}
    for name in ("system", "prompt"):
        if name in entries:
            entries[name] = context.files.text_of(entries[name])
    if "continue" in fields:
        _go_on(context, entries)
    extra = {} if context.output is None else {"output": context.output.json}
    models, settings = _models(context)
    return Arguments(context.template(_mapping(entries, fields), extra=extra), None, models, settings)


def _go_on(context: Context, entries: dict[str, Node]) -> None:
    """Puts the conversation of an earlier step before what is asked."""
    turns, system = context.conversations.before(context.draft)
    own = entries.get("messages")
    if own is not None and not isinstance(own, Sequence):
        message = "`messages` that come out of an expression can't stand after another conversation"
        context.problems.add("continue", message, "write them as a list, or leave `continue` out", own.place)
        return
    entries["messages"] = Sequence((*turns, *(own.items if own is not None else ())), context.draft.place)
    if system is not None:
        entries["system"] = context.files.text_of(system)


def _models(context: Context) -> tuple[tuple[str, ...], dict[str, Json]]:
    node = context.default("model")
    if node is None:
        remedy = "add `model: …`, or `defaults: {model: …}`"
        context.problems.add("missing_key", "this step names no model", remedy, context.fields.place)
        return (), {}
    if isinstance(node, Mapping):
        choice = Fields(node, LEVELS["choice"].keys, "a choice of models", context.problems)
        return tuple(choice.value("choose", ())), {"choice": plain(node)}
    names = [node] if isinstance(node, Scalar) else list(node.items)
    for name in names:
        if "{{" in str(plain(name)) or not plain(name):
            message = "the models of a step are known when it is published"
            context.problems.add("model", message, "name models; for a choice write {choose: […], by: …}", name.place)
    return tuple(str(plain(name)) for name in names), {}


def _mapping(entries: dict[str, Node], fields: Fields) -> Mapping:
    return Mapping(entries, {name: node.place for name, node in entries.items()}, fields.place)


def _agent(context: Context) -> Arguments:
    node = context.fields.node_of("agent")
    found = _model(context)
    if isinstance(node, Mapping):
        Fields(node, LEVELS["agent"].keys, "`agent`", context.problems)
        found.settings["agent"] = plain(node)
    return found


def _tool(context: Context) -> Arguments:
    name = context.fields.value("tool", "")
    node = context.fields.node_of("with")
    if "tool" in context.fields and _TOOL.fullmatch(name) is None:
        place = context.fields.entries["tool"].place
        context.problems.add("tool", f"`{name}` is no name of a tool", "write module.function", place)
    return Arguments(_values(context, node), name)


def _values(context: Context, node: Node | None, *, secrets: bool = True) -> Template:
    """The arguments of a call: a mapping, or one template that gives a mapping."""
    if node is None:
        return constant({})
    template = context.template(node, *([""] if secrets else []))
    if template.type.kind not in ("map", "dyn"):
        context.problems.add("type", f"`with` is a mapping, not a {template.type}", "write {name: value}", node.place)
    return template


def _http(context: Context) -> Arguments:
    node = context.fields.node_of("http")
    if isinstance(node, Scalar):
        return Arguments(context.template(Mapping({"url": node}, {"url": node.place}, node.place)))
    request = _level(context, "http")
    if request is None:
        return Arguments(constant({}))
    method = request.value("method", "GET")
    if "{{" not in method and method not in METHODS:
        place = request.entries["method"].place
        context.problems.add("type", f"`{method}` is no HTTP method", "write one of " + ", ".join(METHODS), place)
    return Arguments(context.template(_mapping(request.entries, request), "/headers", "/query", "/body"))


def _level(context: Context, name: str) -> Fields | None:
    """The checked mapping below the step's kind."""
    node = context.fields.node_of(name)
    if not isinstance(node, Mapping):
        return None
    level = LEVELS[name]
    fields = Fields(node, level.keys, f"`{name}`", context.problems)
    if level.one_of:
        fields.one_of(level.one_of)
    return fields


def _wait(context: Context) -> Arguments:
    fields = _level(context, "wait")
    if fields is None:
        return Arguments(constant({}))
    template = context.template(_mapping(fields.entries, fields))
    for name, check in (("for", parse_duration), ("until", parse_timestamp)):
        _check_constant(context, fields, template, name, check)
    return Arguments(template)


def _check_constant(
    context: Context, fields: Fields, template: Template, name: str, check: Callable[[object], Any]
) -> None:
    written = template.constant_at(name)
    try:
        if written is not None:
            check(written)
    except ValueError as error:
        context.problems.add("type", str(error), "correct it", fields.entries[name].place)


def _plain_level(context: Context) -> Arguments:
    """Kinds whose arguments are what was written."""
    fields = _level(context, context.draft.kind)
    if fields is None:
        return Arguments(constant({}))
    secrets = ("/connection",) if context.draft.kind == "sql" else ()
    entries = {name: context.files.text_of(node) if name == "prompt" else node for name, node in fields.entries.items()}
    return Arguments(context.template(_mapping(entries, fields), *secrets))


def _workflow(context: Context) -> Arguments:
    """A child's inputs; of a generated one `{define, with}`. They stand in its events, so no secret may."""
    node, inputs = context.fields.node_of("workflow"), context.fields.node_of("with")
    values = _values(context, inputs, secrets=False)
    if not isinstance(node, Mapping):
        return Arguments(values, _reference(context))
    child = Fields(node, LEVELS["child"].keys, "`workflow`", context.problems)
    made = {**child.entries, "with": inputs or Mapping({}, {}, node.place)}
    return Arguments(context.template(_mapping(made, child)), None, (), {"define": plain(node)})


def _reference(context: Context) -> str:
    name = str(context.fields.value("workflow", ""))
    if "workflow" in context.fields and _REFERENCE.fullmatch(name) is None:
        place = context.fields.entries["workflow"].place
        remedy = "write name, name@3 or name@production; for a generated one {define: …}"
        context.problems.add("workflow", f"`{name}` is no name of a workflow", remedy, place)
    return name


def _each(context: Context) -> Arguments:
    node = context.fields.node_of("each")
    if node is None:
        return Arguments(constant({}))
    template = context.template(Mapping({"items": node}, {"items": node.place}, node.place))
    kind = (template.type.fields or {})["items"].kind
    if kind not in ("list", "dyn"):
        message = f"`each` goes through a list, not a {(template.type.fields or {})['items']}"
        remedy = "for a mapping write keys(…) or items(…)" if kind == "map" else "write one `{{ }}` that gives a list"
        context.problems.add("type", message, remedy, node.place)
    return Arguments(template)


def _loop(context: Context) -> Arguments:
    fields = _level(context, "loop")
    if fields is None:
        return Arguments(constant({}))
    first = fields.node_of("first")
    template = constant({"first": None}) if first is None else context.template(_mapping({"first": first}, fields))
    return Arguments(template, None, (), {"max": fields.value("max"), "on_max": fields.value("on_max", "end")})


def _transform(context: Context) -> Arguments:
    node = context.fields.node_of("transform")
    return Arguments(constant(None) if node is None else context.template(node))


def _nothing(context: Context) -> Arguments:
    name = context.fields.value("include") if context.draft.kind == "include" else None
    return Arguments(constant({}), name)


_BY_KIND: dict[str, Callable[[Context], Arguments]] = {
    "model": _model,
    "agent": _agent,
    "tool": _tool,
    "transform": _transform,
    "http": _http,
    "sql": _plain_level,
    "object": _plain_level,
    "publish": _plain_level,
    "workflow": _workflow,
    "approve": _plain_level,
    "wait": _wait,
    "parallel": _nothing,
    "each": _each,
    "loop": _loop,
    "switch": _nothing,
    "include": _nothing,
}
