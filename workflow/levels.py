"""The mappings below the keys of the language, each with its own keys."""

from dataclasses import dataclass

from workflow.keys import BESIDE, KINDS, STEP, Key
from workflow.shapes import (
    ANY,
    BOOLEAN,
    CONDITION,
    COUNT,
    DURATION,
    DURATION_OR_TEMPLATE,
    ERROR_CLASSES,
    LIST_OF_TEXT,
    NUMBER,
    PROMPT,
    STEPS,
    TEXT,
    TEXT_OR_TEXTS,
    TEXTS,
    VALUES,
    Shape,
    enum,
)

DEFAULTS = (
    "model",
    "timeout",
    "deadline",
    "retry",
    "max_tokens",
    "temperature",
    "top_p",
    "effort",
    "thinking",
    "prompt_cache",
    "content",
    "queue",
    "priority",
)


@dataclass(frozen=True, slots=True)
class Level:
    """The keys of one mapping below a key of the language."""

    keys: dict[str, Key]
    inside: str
    one_of: tuple[str, ...] = ()


def _level(inside: str, one_of: tuple[str, ...] = (), **keys: Key) -> Level:
    return Level({name.rstrip("_"): key for name, key in keys.items()}, inside, one_of)


LEVELS: dict[str, Level] = {
    "http": _level(
        "http",
        url=Key(TEXT, "The address.", required=True),
        method=Key(TEXT, "GET unless given."),
        query=Key(VALUES, "What follows the `?`."),
        headers=Key(VALUES, "Its headers."),
        body=Key(ANY, "Its body."),
    ),
    "sql": _level(
        "sql",
        ("connection", "over"),
        connection=Key(TEXT, "The name of a connection."),
        query=Key(TEXT, "The SQL.", required=True),
        args=Key(Shape({"type": ["array", "string"]}, "a list"), "The values of $1, $2 and so on."),
        over=Key(VALUES, "Values to query as tables."),
        write=Key(BOOLEAN, "Whether it changes something."),
    ),
    "object": _level(
        "object",
        ("get", "put", "list", "copy", "delete"),
        get=Key(TEXT, "Reads."),
        put=Key(TEXT, "Writes."),
        list_=Key(TEXT, "Lists."),
        copy=Key(TEXT, "Copies."),
        delete=Key(TEXT, "Deletes."),
        value=Key(ANY, "What is written."),
        to=Key(TEXT, "Where it is copied to."),
    ),
    "publish": _level(
        "publish",
        topic=Key(TEXT, "The topic.", required=True),
        key=Key(TEXT, "The key."),
        value=Key(ANY, "The value.", required=True),
        headers=Key(VALUES, "Its headers."),
    ),
    "child": _level("workflow", define=Key(ANY, "A generated definition.", required=True)),
    "agent": _level(
        "agent",
        tools=Key(TEXTS, "The tools it may call."),
        max_turns=Key(COUNT, "How often it may answer."),
        ask=Key(TEXTS, "The tools that a person has to allow."),
    ),
    "approve": _level(
        "approve",
        by=Key(TEXT_OR_TEXTS, "Who may answer.", required=True),
        prompt=Key(PROMPT, "What they are asked.", required=True),
        value=Key(ANY, "What is under review; an answer may carry another."),
    ),
    "wait": _level(
        "wait",
        ("for", "until", "signal"),
        for_=Key(DURATION_OR_TEMPLATE, "How long."),
        until=Key(TEXT, "An instant, RFC 3339."),
        signal=Key(TEXT, "The name of a signal."),
    ),
    "loop": _level(
        "loop",
        while_=Key(CONDITION, "Goes on while this is true.", required=True),
        max=Key(COUNT, "At most so many rounds.", required=True),
        first=Key(ANY, "`round.output` before the first round."),
        on_max=Key(enum("end", "fail"), "What reaching max means."),
    ),
    "case": _level(
        "switch",
        ("when", "else"),
        when=Key(CONDITION, "The condition of the case."),
        else_=Key(Shape({"const": True}, "true"), "The last case."),
        steps=Key(STEPS, "Its steps.", required=True),
    ),
    "retry": _level(
        "retry",
        attempts=Key(COUNT, "How often it is tried, the first time included."),
        backoff=Key(DURATION, "The first wait."),
        factor=Key(Shape({"type": "number", "minimum": 1}, "a number from 1"), "How much longer every wait is."),
        max=Key(DURATION, "The longest wait."),
        on=Key(
            Shape({"type": "array", "items": {"enum": ERROR_CLASSES}}, "a list of error classes"),
            "The errors that are tried again.",
        ),
    ),
    "undo": _level(
        "undo",
        ("tool", "http", "sql", "publish", "workflow"),
        tool=Key(TEXT, "A tool."),
        with_=Key(VALUES, "Its arguments."),
        http=Key(KINDS["http"].value, "A request."),
        sql=Key(KINDS["sql"].value, "A statement."),
        publish=Key(KINDS["publish"].value, "A record."),
        workflow=Key(KINDS["workflow"].value, "A workflow."),
    ),
    "cache": _level(
        "cache", for_=Key(DURATION, "How long it is kept.", required=True), key=Key(ANY, "What it is kept under.")
    ),
    "budget": _level(
        "budget", usd=Key(NUMBER, "US dollars."), tokens=Key(COUNT, "Tokens."), calls=Key(COUNT, "Calls.")
    ),
    "ending": _level(
        "ending", deadline=Key(DURATION, "How long."), usd=Key(NUMBER, "US dollars."), tokens=Key(COUNT, "Tokens.")
    ),
    "concurrency": _level(
        "concurrency",
        key=Key(TEXT, "What is counted apart.", required=True),
        limit=Key(COUNT, "How many.", required=True),
        then=Key(enum("wait", "refuse", "replace"), "What happens to one more."),
    ),
    "dedupe": _level(
        "dedupe", key=Key(TEXT, "What makes two starts the same.", required=True), for_=Key(DURATION, "For how long.")
    ),
    "choice": _level(
        "model",
        choose=Key(
            Shape({**LIST_OF_TEXT, "minItems": 1}, "a list of models"), "The models to choose from.", required=True
        ),
        by=Key(TEXT, "What the choice is made by.", required=True),
    ),
    "trigger": _level(
        "triggers",
        ("schedule", "topic"),
        schedule=Key(TEXT, "A cron expression."),
        timezone=Key(TEXT, "Its time zone."),
        overlap=Key(enum("skip", "wait", "allow"), "What happens while a run goes on."),
        catch_up=Key(
            Shape({"type": "integer", "minimum": 0}, "a whole number"), "How many missed ones are made up for."
        ),
        topic=Key(TEXT, "A topic."),
        filter=Key(CONDITION, "The records that start a run."),
        with_=Key(VALUES, "The inputs."),
    ),
    "defaults": Level({name: BESIDE.get(name) or STEP[name] for name in DEFAULTS}, "defaults"),
}
