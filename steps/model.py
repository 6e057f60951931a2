"""Runs a `model` step: one call to one model, recorded whether it helped or not."""

import asyncio

from schemas.events import StepScheduled
from schemas.message import ModelCall
from steps import clock, prices
from steps.context import Context
from steps.failure import ErrorClass, StepFailed
from steps.outcome import Outcome
from steps.prompt import prompt_of
from steps.providers.provider import Completion, Prompt, ProviderFailed
from steps.providers.table import Providers
from steps.redact import Redactor
from steps.settings import StepSettings
from steps.structured import output_of


class ModelStep:
    """A step's target is the model; a chain over several is the core's affair, one attempt each."""

    def __init__(self, settings: StepSettings, redactor: Redactor) -> None:
        self._timeout = settings.model_timeout
        self._providers = Providers(settings, redactor)
        self._prices_loaded = False

    def slot(self, step: StepScheduled) -> asyncio.Semaphore:
        return self._providers.slot(step.target)

    async def close(self) -> None:
        await self._providers.close()

    async def run(self, step: StepScheduled, arguments: bytes, context: Context, started: int) -> Outcome:
        prompt = prompt_of(step.target, arguments)
        await self._load_prices()
        completion = None
        try:
            completion = await self._complete(prompt, step.timeout)
            if completion.error_class is not ErrorClass.OK:
                raise StepFailed(completion.error_class, completion.message)
            output = output_of(completion.text, prompt.schema)
        except StepFailed as failed:
            failed.calls.append(self._call(prompt, started, completion, failed))
            raise
        return Outcome("succeeded", output=output, calls=[self._call(prompt, started, completion, None)])

    async def _load_prices(self) -> None:
        if not self._prices_loaded:
            await asyncio.to_thread(prices.load)
            self._prices_loaded = True

    async def _complete(self, prompt: Prompt, micros: int | None) -> Completion:
        seconds = self._timeout if micros is None else micros / 1e6
        provider = await self._providers.provider(prompt.model)
        try:
            async with asyncio.timeout(seconds):
                return await provider.complete(prompt, seconds)
        except TimeoutError as error:
            raise ProviderFailed(
                ErrorClass.TIMEOUT, f"{prompt.model} did not answer within {seconds:g} s; the call may be billed"
            ) from error

    def _call(
        self, prompt: Prompt, started: int, completion: Completion | None, failed: StepFailed | None
    ) -> ModelCall:
        provider = self._providers.name(prompt.model)
        error_class = ErrorClass.OK if failed is None else failed.error_class
        if completion is None:
            request_id = failed.request_id if isinstance(failed, ProviderFailed) else ""
            return ModelCall(
                provider=provider,
                model=prompt.model,
                started=started,
                ended=clock.now(),
                error_class=error_class.value,
                request_id=request_id,
            )
        usage = completion.usage
        return ModelCall(
            provider=provider,
            model=prompt.model,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            thinking_tokens=usage.thinking_tokens,
            cost=prices.cost(provider, prompt.model, usage, started),
            started=started,
            ended=clock.now(),
            response_model=completion.model,
            stop=completion.stop,
            request_id=completion.request_id,
            error_class=error_class.value,
            raw=usage.raw,
        )
