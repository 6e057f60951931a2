"""Every key of the language, where it belongs and what it takes; the parser and the editors' schema read it."""

from dataclasses import dataclass, field
from typing import Any

Json = Any


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value looks like: as JSON Schema for the check, in words for its author."""

    schema: dict[str, Json]
    words: str


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what it takes and what it does."""

    shape: Shape
    about: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of step: what stands under its key, and which keys stand beside it."""

    value: Shape
    about: str
    beside: tuple[str, ...] = ()
    retried: bool = False


def _ref(name: str, words: str) -> Shape:
    return Shape({"$ref": f"#/$defs/{name}"}, words)


def _one_of(words: str, *schemas: dict[str, Json]) -> Shape:
    return Shape({"anyOf": list(schemas)}, words)


_TEMPLATED = {"type": "string", "pattern": r"\{\{"}
DURATION_PATTERN = r"^(([0-9]+(\.[0-9]+)?(us|ms|s|m|h|d|w))+|P.+)$"
NAME_PATTERN = r"^[a-z_][a-z0-9_]*$"
NAME = {"type": "string", "pattern": NAME_PATTERN}
_DURATION = {"type": "string", "pattern": DURATION_PATTERN}
_TEXTS = {"type": "array", "items": {"type": "string"}}

ANY = Shape({}, "any value")
TEXT = Shape({"type": "string"}, "text")
TEXTS = Shape(_TEXTS, "a list of texts")
TEXT_OR_TEXTS = _one_of("a text or a list of texts", {"type": "string"}, _TEXTS)
ID = Shape(NAME, "a name of small letters, digits and _")
IDS = Shape({"type": "array", "items": NAME}, "a list of step ids, such as [a, b]")
BOOLEAN = Shape({"type": "boolean"}, "true or false")
INTEGER = Shape({"type": "integer"}, "a whole number")
COUNT = Shape({"type": "integer", "minimum": 1}, "a whole number from 1")
NUMBER = Shape({"type": "number", "minimum": 0}, "a number from 0")
WHOLE_OR_TEMPLATE = _one_of("a whole number from 1", {"type": "integer", "minimum": 1}, _TEMPLATED)
NUMBER_OR_TEMPLATE = _one_of("a number from 0", {"type": "number", "minimum": 0}, _TEMPLATED)
DURATION = Shape(_DURATION, "a duration such as 30s, 5m or 2d")
DURATION_OR_TEMPLATE = _one_of("a duration such as 30s, 5m or 2d", _DURATION, _TEMPLATED)
CONDITION = Shape({"type": ["string", "boolean"]}, "an expression such as inputs.n > 3")
PROMPT = _one_of(
    "a text, or {file: path}",
    {"type": "string"},
    {"type": "object", "properties": {"file": {"type": "string"}}, "required": ["file"], "additionalProperties": False},
)
VALUES = Shape({"type": ["object", "string"]}, "a mapping")
LABELS = Shape({"type": "object", "additionalProperties": {"type": "string"}}, "a mapping of texts")
TYPES = _ref("type", "a type, such as string, or a mapping of names and types")
STEPS = _ref("steps", "a list of steps")
ON_ERROR = _one_of("fail, continue, or a list of steps", {"enum": ["fail", "continue"]}, {"$ref": "#/$defs/steps"})
MODEL = _one_of(
    "the name of a model, a list of them, or {choose, by}",
    {"type": "string"},
    {**_TEXTS, "minItems": 1},
    {"$ref": "#/$defs/choice"},
)


def _enum(*names: str) -> Shape:
    return Shape({"enum": list(names)}, " or ".join(names))


BUDGET = _ref("budget", "a budget such as {usd: 0.25, tokens: 60000}")
RETRY = _ref("retry", "a mapping such as {attempts: 4, backoff: 1s}")
UNDO = _ref("undo", "a tool or http call, such as {tool: billing.unrefund, with: {…}}")

ERROR_CLASSES = (
    "refused malformed rate_limited overloaded timeout unavailable budget auth fatal worker_lost unknown"
).split()

STEP: dict[str, Key] = {
    "id": Key(ID, "The name of the step; unique in the file."),
    "description": Key(TEXT, "What the step is for."),
    "when": Key(CONDITION, "The step is skipped unless this expression is true."),
    "needs": Key(IDS, "The steps to wait for, in place of the one written before; [] starts at once."),
    "timeout": Key(DURATION, "How long one attempt may take."),
    "deadline": Key(DURATION, "How long all attempts together may take."),
    "retry": Key(RETRY, "How often the step is tried, and how long it waits in between."),
    "on_error": Key(ON_ERROR, "What happens when the step has failed for good."),
    "undo": Key(UNDO, "What takes the effect back if the run fails later."),
    "idempotent": Key(BOOLEAN, "Whether doing it twice is the same as doing it once."),
    "queue": Key(TEXT, "The queue of workers that run the step."),
    "priority": Key(INTEGER, "Higher ones start first."),
    "cache": Key(_ref("cache", "a mapping such as {for: 1h}"), "Reuses the output of the same call."),
    "budget": Key(BUDGET, "What the step may spend; it lies within the budget of the run."),
    "labels": Key(LABELS, "Texts to find the step by."),
    "patch": Key(BOOLEAN, "Merges into the inherited step of the same id."),
    "before": Key(ID, "Stands before this inherited step."),
    "after": Key(ID, "Stands after this inherited step."),
    "remove": Key(BOOLEAN, "Removes the inherited step of the same id."),
}

BESIDE: dict[str, Key] = {
    "model": Key(MODEL, "The model, or a chain of models to fall back on."),
    "system": Key(PROMPT, "What the model is told first."),
    "prompt": Key(PROMPT, "What the model is asked."),
    "messages": Key(ANY, "A whole conversation, in place of `prompt`."),
    "continue": Key(ID, "Goes on with the conversation of that step."),
    "output": Key(TYPES, "The type of the output; a model is asked for it, other kinds are checked against it."),
    "attach": Key(Shape({"type": "array"}, "a list of {object: …} or {file: …}"), "Files that go with the prompt."),
    "max_tokens": Key(WHOLE_OR_TEMPLATE, "How long the answer may be."),
    "temperature": Key(NUMBER_OR_TEMPLATE, "How much chance is in the answer."),
    "top_p": Key(NUMBER_OR_TEMPLATE, "Nucleus sampling."),
    "stop": Key(TEXT_OR_TEXTS, "Texts that end the answer."),
    "thinking": Key(Shape({"type": ["boolean", "integer", "string", "object"]}, "a boolean or a budget"), "Thinking."),
    "effort": Key(TEXT, "How hard the model should think."),
    "prompt_cache": Key(Shape({"type": ["boolean", "string"]}, "true, false or a duration"), "Caches the prompt."),
    "mode": Key(_enum("batch", "direct"), "`batch` is cheaper and slower."),
    "tools": Key(TEXTS, "The tools the model may call."),
    "fallback": Key(Shape({"type": "object"}, "a mapping {output: …}"), "The output when every model has failed."),
    "on_exhausted": Key(_enum("fail", "continue", "finish"), "What happens when the budget or the turns are used up."),
    "content": Key(_enum("full", "hashed", "none"), "How much of prompt and answer is recorded."),
    "with": Key(VALUES, "The arguments."),
    "on_timeout": Key(_enum("fail", "deny", "continue"), "What happens when nobody answers in time."),
    "as": Key(ID, "The name of one item in the steps below; `item` unless given."),
    "at_most": Key(COUNT, "How many items are worked on at once."),
    "failed": Key(_enum("stop", "keep"), "Whether a failed item stops the step."),
    "steps": Key(STEPS, "The steps of one item or one round.", required=True),
}

_MODEL_KEYS = (
    "system prompt messages continue output attach max_tokens temperature top_p stop thinking effort "
    "prompt_cache mode tools fallback on_exhausted content"
).split()

KINDS: dict[str, Kind] = {
    "model": Kind(MODEL, "Asks a model.", tuple(_MODEL_KEYS), retried=True),
    "agent": Kind(_ref("agent", "a mapping such as {tools: […]}"), "A model with tools, until it is done.",
                  ("model", *_MODEL_KEYS), retried=True),
    "tool": Kind(TEXT, "Calls a Python function marked as a tool.", ("with", "output"), retried=True),
    "transform": Kind(ANY, "Makes a value out of others."),
    "http": Kind(_one_of("an address or {url, …}", {"type": "string"}, {"$ref": "#/$defs/http"}),
                 "Sends an HTTP request.", ("output",), retried=True),
    "sql": Kind(_ref("sql", "a mapping {connection, query}"), "Queries a database.", ("output",), retried=True),
    "object": Kind(_ref("object", "a mapping with one of get, put, list, copy, delete"), "Object storage.",
                   retried=True),
    "publish": Kind(_ref("publish", "a mapping {topic, value}"), "Publishes a record.", retried=True),
    "workflow": Kind(_one_of("name@alias or {define: …}", {"type": "string"}, {"$ref": "#/$defs/child"}),
                     "Runs another workflow.", ("with", "output")),
    "approve": Kind(_ref("approve", "a mapping {by, prompt}"), "Asks people.", ("on_timeout",)),
    "wait": Kind(_ref("wait", "a mapping with one of for, until, signal"), "Waits.", ("on_timeout",)),
    "parallel": Kind(_ref("branches", "a mapping of branch names and lists of steps"), "Runs branches side by side."),
    "each": Kind(Shape({"type": ["string", "array"]}, "a list or a template that gives one"),
                 "Runs steps for every item.", ("as", "at_most", "failed", "steps")),
    "loop": Kind(_ref("loop", "a mapping {while, max, first}"), "Runs steps again and again.", ("steps",)),
    "switch": Kind(_ref("cases", "a list of {when, steps} and {else, steps}"), "Runs the first case that fits."),
    "include": Kind(TEXT, "Puts an included list of steps here."),
}  # fmt: skip

WORKFLOW: dict[str, Key] = {
    "name": Key(Shape({"type": "string", "pattern": r"^[a-z0-9][a-z0-9_./-]*$"}, "a name of small letters"),
                "The name it is published and started by.", required=True),
    "description": Key(TEXT, "What it is for."),
    "extends": Key(TEXT, "The published workflow it is made from."),
    "with": Key(VALUES, "The parameters of the extended workflow."),
    "include": Key(TEXTS, "Files with named lists of steps."),
    "inputs": Key(TYPES, "The names and types of what a run is given."),
    "secrets": Key(Shape({"type": "array", "items": {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$"}},
                         "a list of names"), "The names of secrets; their values never reach the log."),
    "budget": Key(BUDGET, "What a run may spend, its children included."),
    "deadline": Key(DURATION, "How long a run may take."),
    "concurrency": Key(_ref("concurrency", "a mapping {key, limit}"), "How many runs of one key go on at once."),
    "dedupe": Key(_ref("dedupe", "a mapping {key, for}"), "Starts with the same key are one run."),
    "defaults": Key(_ref("defaults", "a mapping such as {model: …, retry: {…}}"), "What steps take if they say nothing."),
    "labels": Key(LABELS, "Texts to find its runs by."),
    "steps": Key(STEPS, "What is done.", required=True),
    "on_failure": Key(STEPS, "Steps that run when the run has failed."),
    "finally": Key(STEPS, "Steps that run at every end."),
    "ending": Key(_ref("ending", "a mapping {deadline, usd}"), "The allowance of undo, on_failure and finally."),
    "outputs": Key(ANY, "The output of the run; without it, that of the last step."),
    "triggers": Key(_ref("triggers", "a list of {schedule: …} and {topic: …}"), "What starts a run by itself."),
}  # fmt: skip

DEFAULTS = ("model", "timeout", "deadline", "retry", "max_tokens", "temperature", "top_p", "effort", "thinking",
            "prompt_cache", "content", "queue", "priority")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Level:
    """The keys of one mapping below a key of the language."""

    keys: dict[str, Key]
    inside: str
    one_of: tuple[str, ...] = field(default=())


def _level(inside: str, one_of: tuple[str, ...] = (), **keys: Key) -> Level:
    return Level({name.rstrip("_"): key for name, key in keys.items()}, inside, one_of)


LEVELS: dict[str, Level] = {
    "http": _level("http",
        url=Key(TEXT, "The address.", required=True), method=Key(TEXT, "GET unless given."),
        query=Key(VALUES, "What follows the `?`."), headers=Key(VALUES, "Its headers."), body=Key(ANY, "Its body.")),
    "sql": _level("sql", ("connection", "over"),
        connection=Key(TEXT, "The name of a connection."), query=Key(TEXT, "The SQL.", required=True),
        args=Key(Shape({"type": ["array", "string"]}, "a list"), "The values of $1, $2 …"),
        over=Key(VALUES, "Values to query as tables."), write=Key(BOOLEAN, "Whether it changes something.")),
    "object": _level("object", ("get", "put", "list", "copy", "delete"),
        get=Key(TEXT, "Reads."), put=Key(TEXT, "Writes."), list_=Key(TEXT, "Lists."), copy=Key(TEXT, "Copies."),
        delete=Key(TEXT, "Deletes."), value=Key(ANY, "What is written."), to=Key(TEXT, "Where it is copied to.")),
    "publish": _level("publish",
        topic=Key(TEXT, "The topic.", required=True), key=Key(TEXT, "The key."),
        value=Key(ANY, "The value.", required=True), headers=Key(VALUES, "Its headers.")),
    "child": _level("workflow", define=Key(ANY, "A generated definition.", required=True)),
    "agent": _level("agent",
        tools=Key(TEXTS, "The tools it may call."), max_turns=Key(COUNT, "How often it may answer."),
        ask=Key(TEXTS, "The tools that a person has to allow.")),
    "approve": _level("approve",
        by=Key(TEXT_OR_TEXTS, "Who may answer.", required=True), prompt=Key(PROMPT, "What they are asked.", required=True)),
    "wait": _level("wait", ("for", "until", "signal"),
        for_=Key(DURATION_OR_TEMPLATE, "How long."), until=Key(TEXT, "An instant, RFC 3339."),
        signal=Key(TEXT, "The name of a signal.")),
    "loop": _level("loop",
        while_=Key(CONDITION, "Goes on while this is true.", required=True), max=Key(COUNT, "At most so many rounds.", required=True),
        first=Key(ANY, "`round.output` before the first round."), on_max=Key(_enum("end", "fail"), "What reaching max means.")),
    "case": _level("switch", ("when", "else"),
        when=Key(CONDITION, "The condition of the case."), else_=Key(Shape({"const": True}, "true"), "The last case."),
        steps=Key(STEPS, "Its steps.", required=True)),
    "retry": _level("retry",
        attempts=Key(COUNT, "How often it is tried, the first time included."), backoff=Key(DURATION, "The first wait."),
        factor=Key(Shape({"type": "number", "minimum": 1}, "a number from 1"), "How much longer every wait is."),
        max=Key(DURATION, "The longest wait."),
        on=Key(Shape({"type": "array", "items": {"enum": ERROR_CLASSES}}, "a list of error classes"), "The errors that are tried again.")),
    "undo": _level("undo", ("tool", "http", "sql", "publish", "workflow"),
        tool=Key(TEXT, "A tool."), with_=Key(VALUES, "Its arguments."), http=Key(KINDS["http"].value, "A request."),
        sql=Key(KINDS["sql"].value, "A statement."), publish=Key(KINDS["publish"].value, "A record."),
        workflow=Key(KINDS["workflow"].value, "A workflow.")),
    "cache": _level("cache", for_=Key(DURATION, "How long it is kept.", required=True), key=Key(ANY, "What it is kept under.")),
    "budget": _level("budget", usd=Key(NUMBER, "US dollars."), tokens=Key(COUNT, "Tokens."), calls=Key(COUNT, "Calls.")),
    "ending": _level("ending", deadline=Key(DURATION, "How long."), usd=Key(NUMBER, "US dollars."), tokens=Key(COUNT, "Tokens.")),
    "concurrency": _level("concurrency",
        key=Key(TEXT, "What is counted apart.", required=True), limit=Key(COUNT, "How many.", required=True),
        then=Key(_enum("wait", "refuse", "replace"), "What happens to one more.")),
    "dedupe": _level("dedupe", key=Key(TEXT, "What makes two starts the same.", required=True), for_=Key(DURATION, "For how long.")),
    "choice": _level("model",
        choose=Key(Shape({**_TEXTS, "minItems": 1}, "a list of models"), "The models to choose from.", required=True),
        by=Key(TEXT, "What the choice is made by.", required=True)),
    "trigger": _level("triggers", ("schedule", "topic"),
        schedule=Key(TEXT, "A cron expression."), timezone=Key(TEXT, "Its time zone."),
        overlap=Key(_enum("skip", "wait", "allow"), "What happens while a run goes on."),
        catch_up=Key(Shape({"type": "integer", "minimum": 0}, "a whole number"), "How many missed ones are made up for."),
        topic=Key(TEXT, "A topic."), filter=Key(CONDITION, "The records that start a run."), with_=Key(VALUES, "The inputs.")),
    "defaults": Level({name: BESIDE.get(name) or STEP[name] for name in DEFAULTS}, "defaults"),
}  # fmt: skip
