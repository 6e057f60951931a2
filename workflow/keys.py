"""Every key of the language, where it belongs and what it takes; the parser and the editors' schema read it."""

from dataclasses import dataclass

from workflow.shapes import (
    ANY,
    ATTACHED,
    BOOLEAN,
    BUDGET,
    CONDITION,
    COUNT,
    DURATION,
    EFFORT,
    ID,
    IDS,
    INTEGER,
    LABELS,
    MODEL,
    NUMBER_OR_TEMPLATE,
    ON_ERROR,
    PROMPT,
    PROMPT_CACHE,
    QUEUE,
    RETRY,
    STEPS,
    TEXT,
    TEXT_OR_TEXTS,
    TEXTS,
    THINKING,
    TYPES,
    UNDO,
    VALUES,
    WHOLE_OR_TEMPLATE,
    Shape,
    enum,
    one_of,
    ref,
)


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
    "on_unknown": Key(
        enum("retry", "fail", "ask"), "What follows when nobody knows whether an attempt did its work, or was billed."
    ),
    "queue": Key(QUEUE, "The queue of workers that run the step."),
    "priority": Key(INTEGER, "Higher ones start first."),
    "cache": Key(ref("cache", "a mapping such as {for: 1h}"), "Reuses the output of the same call."),
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
    "attach": Key(ATTACHED, "Images and documents that go with the prompt."),
    "max_tokens": Key(WHOLE_OR_TEMPLATE, "How long the answer may be."),
    "temperature": Key(NUMBER_OR_TEMPLATE, "How much chance is in the answer."),
    "top_p": Key(NUMBER_OR_TEMPLATE, "Nucleus sampling."),
    "stop": Key(TEXT_OR_TEXTS, "Texts that end the answer."),
    "thinking": Key(THINKING, "Whether the model thinks first, or with how many tokens."),
    "effort": Key(EFFORT, "How hard the model should try."),
    "prompt_cache": Key(PROMPT_CACHE, "Keeps the prompt at the provider, to be read again for less."),
    "mode": Key(enum("batch", "direct"), "`batch` is cheaper and slower."),
    "tools": Key(TEXTS, "The tools the model may call."),
    "fallback": Key(Shape({"type": "object"}, "a mapping {output: …}"), "The output when every model has failed."),
    "on_exhausted": Key(enum("fail", "continue", "finish"), "What happens when the budget or the turns are used up."),
    "content": Key(enum("full", "hashed", "none"), "How much of prompt and answer is recorded."),
    "with": Key(VALUES, "The arguments."),
    "on_timeout": Key(enum("fail", "deny", "continue"), "What happens when nobody answers in time."),
    "as": Key(ID, "The name of one item in the steps below; `item` unless given."),
    "at_most": Key(COUNT, "How many items are worked on at once."),
    "failed": Key(enum("stop", "keep"), "Whether a failed item stops the step."),
    "steps": Key(STEPS, "The steps of one item or one round.", required=True),
}

_MODEL_KEYS = (
    "system prompt messages continue output attach max_tokens temperature top_p stop thinking effort "
    "prompt_cache mode tools fallback on_exhausted content"
).split()

KINDS: dict[str, Kind] = {
    "model": Kind(MODEL, "Asks a model.", tuple(_MODEL_KEYS), retried=True),
    "agent": Kind(
        ref("agent", "a mapping such as {tools: […]}"),
        "A model with tools, until it is done.",
        ("model", *_MODEL_KEYS),
        retried=True,
    ),
    "tool": Kind(TEXT, "Calls a Python function marked as a tool.", ("with", "output"), retried=True),
    "transform": Kind(ANY, "Makes a value out of others."),
    "http": Kind(
        one_of("an address or {url, …}", {"type": "string"}, {"$ref": "#/$defs/http"}),
        "Sends an HTTP request.",
        ("output",),
        retried=True,
    ),
    "sql": Kind(ref("sql", "a mapping {connection, query}"), "Queries a database.", ("output",), retried=True),
    "object": Kind(
        ref("object", "a mapping with one of get, put, list, copy, delete"), "Object storage.", retried=True
    ),
    "publish": Kind(ref("publish", "a mapping {topic, value}"), "Publishes a record.", retried=True),
    "workflow": Kind(
        one_of("name@alias or {define: …}", {"type": "string"}, {"$ref": "#/$defs/child"}),
        "Runs another workflow.",
        ("with", "output"),
    ),
    "approve": Kind(ref("approve", "a mapping {by, prompt}"), "Asks people.", ("on_timeout",)),
    "wait": Kind(ref("wait", "a mapping with one of for, until, signal"), "Waits.", ("on_timeout",)),
    "parallel": Kind(ref("branches", "a mapping of branch names and lists of steps"), "Runs branches side by side."),
    "each": Kind(
        Shape({"type": ["string", "array"]}, "a list or a template that gives one"),
        "Runs steps for every item.",
        ("as", "at_most", "failed", "steps"),
    ),
    "loop": Kind(ref("loop", "a mapping {while, max, first}"), "Runs steps again and again.", ("steps",)),
    "switch": Kind(ref("cases", "a list of {when, steps} and {else, steps}"), "Runs the first case that fits."),
    "include": Kind(TEXT, "Puts an included list of steps here."),
}

WORKFLOW: dict[str, Key] = {
    "name": Key(
        Shape({"type": "string", "pattern": r"^[a-z0-9][a-z0-9_./-]*$"}, "a name of small letters"),
        "The name it is published and started by.",
        required=True,
    ),
    "description": Key(TEXT, "What it is for."),
    "extends": Key(TEXT, "The published workflow it is made from."),
    "with": Key(VALUES, "The parameters of the extended workflow."),
    "include": Key(TEXTS, "Files with named lists of steps."),
    "inputs": Key(TYPES, "The names and types of what a run is given."),
    "secrets": Key(
        Shape(
            {"type": "array", "items": {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$"}}, "a list of names"
        ),
        "The names of secrets; their values never reach the log.",
    ),
    "budget": Key(BUDGET, "What a run may spend, its children included."),
    "deadline": Key(DURATION, "How long a run may take."),
    "concurrency": Key(ref("concurrency", "a mapping {key, limit}"), "How many runs of one key go on at once."),
    "dedupe": Key(ref("dedupe", "a mapping {key, for}"), "Starts with the same key are one run."),
    "defaults": Key(
        ref("defaults", "a mapping such as {model: …, retry: {…}}"), "What steps take if they say nothing."
    ),
    "labels": Key(LABELS, "Texts to find its runs by."),
    "steps": Key(STEPS, "What is done.", required=True),
    "on_failure": Key(STEPS, "Steps that run when the run has failed."),
    "finally": Key(STEPS, "Steps that run at every end."),
    "ending": Key(ref("ending", "a mapping {deadline, usd}"), "The allowance of undo, on_failure and finally."),
    "outputs": Key(ANY, "The output of the run; without it, that of the last step."),
    "triggers": Key(ref("triggers", "a list of {schedule: …} and {topic: …}"), "What starts a run by itself."),
}
