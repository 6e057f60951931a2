"""At which path which provider is asked for what."""

import re
from dataclasses import dataclass
from typing import Any

from steps.providers.server.claude import Claude
from steps.providers.server.exchange import Dialect
from steps.providers.server.gemini import Gemini
from steps.providers.server.openai import OpenAI

CLAUDE, GEMINI, OPENAI = Claude(), Gemini(), OpenAI()
#: Bedrock and Vertex name the model in the path.
_PATHS: list[tuple[re.Pattern[str], Dialect, str]] = [
    (re.compile(pattern), dialect, verb)
    for pattern, dialect, verb in (
        (r"/v1/messages", CLAUDE, "answer"),
        (r"/model/(?P<model>[^/]+)/invoke", CLAUDE, "answer"),
        (r".*/publishers/anthropic/models/(?P<model>[^/:]+):rawPredict", CLAUDE, "answer"),
        (r".*/publishers/anthropic/models/(?P<model>[^/:]+):streamRawPredict", CLAUDE, "stream"),
        (r"/v1/messages/count_tokens", CLAUDE, "count"),
        (r"/v1/messages/batches", CLAUDE, "submit"),
        (r"/v1/messages/batches/(?P<batch>[^/]+)", CLAUDE, "poll"),
        (r"/v1/messages/batches/(?P<batch>[^/]+)/results", CLAUDE, "fetch"),
        (r"/v1/messages/batches/(?P<batch>[^/]+)/cancel", CLAUDE, "cancel"),
        (r".*/models/(?P<model>[^/:]+):generateContent", GEMINI, "answer"),
        (r".*/models/(?P<model>[^/:]+):streamGenerateContent", GEMINI, "stream"),
        (r".*/models/(?P<model>[^/:]+):countTokens", GEMINI, "count"),
        (r".*/models/(?P<model>[^/:]+):batchGenerateContent", GEMINI, "submit"),
        (r".*/batches/(?P<batch>[^/:]+)", GEMINI, "poll"),
        (r".*/batches/(?P<batch>[^/:]+):cancel", GEMINI, "cancel"),
        (r".*/chat/completions", OPENAI, "answer"),
    )
]
_KEYS = ("authorization", "x-api-key", "x-goog-api-key")


@dataclass(frozen=True, slots=True)
class Asking:
    """One request: of whom, for what, with which key."""

    dialect: Dialect
    verb: str
    path: str
    key: str
    body: dict[str, Any]
    model: str = ""
    batch: str = ""


def asking_of(path: str, headers: Any, body: dict[str, Any]) -> Asking | None:
    """None where no provider has this path."""
    key = next((headers[name].removeprefix("Bearer ") for name in _KEYS if name in headers), "")
    for pattern, dialect, verb in _PATHS:
        if found := pattern.fullmatch(path):
            return Asking(dialect, verb, path, key, body, **found.groupdict())
    return None
