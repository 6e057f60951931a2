"""Runs a `model` step: one call to one model, and one more if its answer is not what was declared; each is recorded."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from schemas.events import StepScheduled
from schemas.message import ModelCall
from steps import clock, prices
from steps.context import Context
from steps.failure import ErrorClass, StepFailed
from steps.outcome import Outcome
from steps.price_overrides import Override, load_overrides
from steps.prompt import prompt_of
from steps.providers.provider import Completion, Prompt, Provider, ProviderFailed, Sink, Usage
from steps.providers.table import Providers
from steps.redact import Redactor
from steps.settings import StepSettings
from steps.structured import AnswerMalformed, answer_of, by_tool, output_of, repaired

#: How the providers say that an answer is longer than it may be; repairing it would end the same way.
_TOO_LONG = {"max_tokens", "MAX_TOKENS", "length"}


class ModelStep:
    """A step's target is the model; a chain over several is the core's affair, one attempt each."""

    def __init__(self, settings: StepSettings, redactor: Redactor) -> None:
        self._timeout = settings.model_timeout
        self._folder = settings.attach_dir
        self._overrides = load_overrides(settings.prices)
        self._prices_loaded = False
        self.providers = Providers(settings, redactor)

    def slot(self, step: StepScheduled) -> asyncio.Semaphore:
        return self.providers.slot(step.target)

    async def close(self) -> None:
        await self.providers.close()

    async def run(self, step: StepScheduled, arguments: bytes, context: Context, started: int) -> Outcome:
        prompt = await self._prompt(step.target, arguments)
        await self._load_prices()
        provider = await self.providers.provider(prompt.model)
        seconds = self._timeout if step.timeout is None else step.timeout / 1e6
        attempt = Attempt(provider, self.providers.name(prompt.model), self._overrides, seconds, context.deltas)
        return await attempt.run(prompt, started)

    async def _load_prices(self) -> None:
        if not self._prices_loaded:
            await asyncio.to_thread(prices.load)
            self._prices_loaded = True

    async def _prompt(self, model: str, arguments: bytes) -> Prompt:
        if b'"attach"' in arguments:  # files are read
            return await asyncio.to_thread(prompt_of, model, arguments, self._folder)
        return prompt_of(model, arguments)


@dataclass(slots=True)
class Attempt:
    """The calls of one attempt, within its time."""

    provider: Provider
    name: str
    overrides: Sequence[Override]
    seconds: float
    sink: Sink | None
    calls: list[ModelCall] = field(default_factory=list)

    async def run(self, prompt: Prompt, started: int) -> Outcome:
        until = time.monotonic() + self.seconds
        asked = prompt
        if prompt.schema is not None and not self.provider.takes_schema(prompt.model):
            asked = by_tool(prompt)
        try:
            output = await self._answer(asked, prompt, started, until)
        except StepFailed as failed:
            failed.calls.extend(self.calls)
            raise
        return Outcome("succeeded", output=output, calls=self.calls)

    async def _answer(self, asked: Prompt, prompt: Prompt, started: int, until: float) -> bytes:
        completion = await self._complete(asked, started, until)
        try:
            return self._read(completion, prompt)
        except AnswerMalformed as malformed:
            if completion.stop in _TOO_LONG:
                malformed.message += "; it is cut off, so `max_tokens` is too small"
                raise
            again = repaired(asked, completion, malformed.why)
        return self._read(await self._complete(again, clock.now(), until), prompt)

    def _read(self, completion: Completion, prompt: Prompt) -> bytes:
        try:
            return output_of(answer_of(completion, prompt.schema), prompt.schema)
        except AnswerMalformed:
            self.calls[-1] = replace(self.calls[-1], error_class=ErrorClass.MALFORMED.value)
            raise

    async def _complete(self, prompt: Prompt, started: int, until: float) -> Completion:
        """One call, recorded however it ends."""
        try:
            completion = await self._within(prompt, max(0.0, until - time.monotonic()))
        except ProviderFailed as failed:
            self._record(prompt, started, failed)
            raise
        self._record(prompt, started, completion)
        if completion.error_class is not ErrorClass.OK:
            raise StepFailed(completion.error_class, completion.message)
        return completion

    async def _within(self, prompt: Prompt, seconds: float) -> Completion:
        try:
            async with asyncio.timeout(seconds):
                return await self.provider.complete(prompt, seconds, self.sink)
        except TimeoutError as error:
            raise ProviderFailed(
                ErrorClass.TIMEOUT, f"{prompt.model} did not answer within {self.seconds:g} s; the call may be billed"
            ) from error

    def _record(self, prompt: Prompt, started: int, ended: Completion | ProviderFailed) -> None:
        usage, answer = ended.usage or Usage(), ended if isinstance(ended, Completion) else None
        known = ended.usage is not None
        call = ModelCall(
            provider=self.name,
            model=prompt.model,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            thinking_tokens=usage.thinking_tokens,
            cost=prices.cost(self.name, prompt.model, usage, started, overrides=self.overrides) if known else None,
            started=started,
            ended=clock.now(),
            first_token=answer.first_token if answer else None,
            response_model=answer.model if answer else "",
            stop=answer.stop if answer else "",
            request_id=ended.request_id,
            error_class=ended.error_class.value,
            raw=usage.raw,
        )
        self.calls.append(call)
