"""The script of the provider server: a YAML or JSON file of rules; the first that fits answers.

Of a file such as this:

    - match: {model: "claude-*", prompt: ticket}    # a glob, and text that occurs. Without `match`: always
      reply: It is a refund.                        # or a mapping, for a structured answer
      usage: {input_tokens: 120, output_tokens: 8}  # estimated from the lengths where it isn't given
      delay: 0.2                                    # seconds
      thinking: Somebody wants money back.          # thought before it is said
    - error: overloaded                             # a fault instead; with `message`, `retry_after` (seconds)
      times: 2                                      # how often the rule answers before it is passed over
    - match: {prompt: weather}
      calls: [{name: forecast, arguments: {city: Graz}}]   # tools that it wants called; with a `reply` or without
    - match: {prompt: {regex: "greet (?P<who>[A-Z]\\w*)"}}
      reply: Hello, {who}!                          # what the named groups of the expression found
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import orjson

from steps.providers.server.faults import FAULTS

_MATCH = {"model", "prompt"}
_RULE = {
    *("match", "reply", "calls", "thinking", "usage", "delay"),
    *("error", "message", "retry_after", "times", "stop"),
}
_USAGE = {"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "thinking_tokens"}
_CALL = {"name", "arguments"}


class RepliesInvalid(ValueError):
    """The script can't be used; says where and why."""


@dataclass(slots=True)
class Rule:
    model: str
    prompt: Callable[[str], dict[str, str] | None]  # what it found; None where it doesn't fit
    reply: Any
    calls: tuple[dict[str, Any], ...]
    thinking: str
    usage: dict[str, int]
    delay: float
    error: str
    message: str
    retry_after: float | None
    left: int | None
    stop: str

    def fits(self, model: str, text: str) -> bool:
        return self.left != 0 and fnmatchcase(model, self.model) and self.prompt(text) is not None

    def use(self) -> "Rule":
        if self.left is not None:
            self.left -= 1
        return self

    def answer(self, text: str) -> str:
        """The reply, with what the named groups found in the prompt."""
        if self.reply is None:
            return ""
        if not isinstance(self.reply, str):
            return orjson.dumps(self.reply).decode()
        reply = self.reply
        for name, found in (self.prompt(text) or {}).items():
            reply = reply.replace(f"{{{name}}}", found)
        return reply


def load_rules(path: Path | None) -> list[Rule]:
    """The rules of the file; none without one."""
    if path is None:
        return []
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RepliesInvalid(f"{path}: the scripted replies can't be read: {error}") from error
    if not isinstance(document, list):
        raise RepliesInvalid(f"{path}: the scripted replies must be a list of rules, each with `reply` or `error`")
    return rules_of(document, str(path))


def rules_of(document: list[Any], place: str) -> list[Rule]:
    return [_rule(written, f"{place}: rule {number}") for number, written in enumerate(document, 1)]


def _rule(written: Any, place: str) -> Rule:
    _check_keys(written, _RULE, place)
    match = written.get("match", {})
    _check_keys(match, _MATCH, f"{place}: match")
    _check_keys(written.get("usage", {}), _USAGE, f"{place}: usage")
    if ("reply" in written or "calls" in written) == ("error" in written):
        raise RepliesInvalid(f"{place}: give either `reply` (or `calls`), or `error`")
    for call in written.get("calls", ()):
        _check_keys(call, _CALL, f"{place}: calls")
    return Rule(
        model=match.get("model", "*"),
        prompt=_condition(match.get("prompt", ""), place),
        reply=written.get("reply"),
        calls=tuple(written.get("calls", ())),
        thinking=written.get("thinking", ""),
        usage=written.get("usage", {}),
        delay=float(written.get("delay", 0)),
        error=_fault(written["error"], place) if "error" in written else "",
        message=written.get("message", ""),
        retry_after=written.get("retry_after"),
        left=written.get("times"),
        stop=written.get("stop", ""),
    )


def _check_keys(written: Any, allowed: set[str], place: str) -> None:
    if not isinstance(written, dict):
        raise RepliesInvalid(f"{place}: must be a mapping")
    unknown = sorted(map(str, set(written) - allowed))
    if unknown:
        raise RepliesInvalid(f"{place}: unknown key {unknown[0]!r}; the keys are {', '.join(sorted(allowed))}")


def _condition(written: Any, place: str) -> Callable[[str], dict[str, str] | None]:
    if isinstance(written, str):
        return lambda text: {} if written in text else None
    if not (isinstance(written, dict) and set(written) == {"regex"}):
        raise RepliesInvalid(f"{place}: `prompt` must be a text or {{regex: …}}")
    try:
        pattern = re.compile(written["regex"], re.DOTALL)
    except (re.error, TypeError) as error:
        raise RepliesInvalid(f"{place}: `regex` is not a regular expression: {error}") from error
    return lambda text: None if (match := pattern.search(text)) is None else match.groupdict(default="")


def _fault(written: Any, place: str) -> str:
    if written not in FAULTS:
        raise RepliesInvalid(f"{place}: no error {written!r}; they are {', '.join(sorted(FAULTS))}")
    return str(written)
