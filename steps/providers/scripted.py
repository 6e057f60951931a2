"""Answers from a script, or by echo: for tests, demos and work offline."""

import asyncio
from pathlib import Path

import orjson

from steps.failure import ErrorClass
from steps.providers.provider import Completion, Prompt, ProviderFailed, Usage
from steps.providers.replies import Rule, load_rules
from steps.providers.sample import sample

CHARACTERS_A_TOKEN = 4  # a rule of thumb, good enough for what nobody bills


class ScriptedProvider:
    """Deterministic: the same prompts in the same order get the same answers."""

    def __init__(self, replies: Path | None = None) -> None:
        self._rules = load_rules(replies)
        self._calls = 0

    async def complete(self, prompt: Prompt, timeout: float) -> Completion:
        self._calls += 1
        request_id = f"scripted-{self._calls}"
        last = prompt.messages[-1].content
        rule = next((rule.use() for rule in self._rules if rule.fits(prompt.model, last)), None)
        if rule is None:
            return _completion(prompt, _echo(prompt, last), {}, "end_turn", request_id)
        if rule.delay:
            await asyncio.sleep(rule.delay)
        if rule.error is not None:
            return _failure(rule, rule.error, prompt, request_id)
        return _completion(prompt, rule.answer(last), rule.usage, rule.stop, request_id)

    async def close(self) -> None:
        """Holds nothing open."""


def _echo(prompt: Prompt, last: str) -> str:
    if prompt.schema is not None:
        return orjson.dumps(sample(prompt.schema)).decode()
    return f"[{prompt.model}] {last.strip().partition(chr(10))[0]}"


def _failure(rule: Rule, error_class: ErrorClass, prompt: Prompt, request_id: str) -> Completion:
    message = rule.message or f"the script says that {prompt.model} is {error_class}"
    if error_class in (ErrorClass.REFUSED, ErrorClass.MALFORMED):  # those are answers, and billed
        usage = _usage(prompt, "", rule.usage)
        return Completion("", usage, prompt.model, error_class, request_id, error_class, message)
    raise ProviderFailed(error_class, message, retry_after=rule.retry_after, request_id=request_id)


def _completion(prompt: Prompt, text: str, usage: dict[str, int], stop: str, request_id: str) -> Completion:
    return Completion(text, _usage(prompt, text, usage), prompt.model, stop, request_id)


def _usage(prompt: Prompt, text: str, given: dict[str, int]) -> Usage:
    asked = len(prompt.system) + sum(len(message.content) for message in prompt.messages)
    estimated = {"input_tokens": _tokens(asked), "output_tokens": _tokens(len(text))}
    counted = estimated | given
    return Usage(**counted, raw=orjson.dumps({"scripted": True, **counted}))


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_A_TOKEN)
