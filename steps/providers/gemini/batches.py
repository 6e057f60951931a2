"""Batches of generateContent: half the price, within a day; all of one model."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from google.genai import types

from steps.failure import ErrorClass, StepFailed
from steps.providers.gemini.answer import as_written, completion_of
from steps.providers.gemini.failures import class_of_rpc, classified
from steps.providers.gemini.request import config, contents, within
from steps.providers.provider import BatchState, Completion, Prompt, ProviderFailed
from steps.providers.underway import Underway

_ENDED = {"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED"}


class _Asks(Protocol):
    longest_wait: float

    def client(self) -> Any: ...


class GeminiBatches:
    def __init__(self, provider: _Asks) -> None:
        self._provider = provider

    async def submit(self, prompts: Mapping[str, Prompt], timeout: float) -> str:
        models = {prompt.model for prompt in prompts.values()}
        if len(models) != 1:
            raise StepFailed(ErrorClass.FATAL, f"a batch at Google is of one model, and this one of {sorted(models)}")
        requests = [
            types.InlinedRequest(contents=contents(prompt), config=config(prompt), metadata={"key": key})
            for key, prompt in prompts.items()
        ]
        options = types.CreateBatchJobConfig(http_options=within(timeout))
        with self._classified("the batch"):
            job = await self._provider.client().aio.batches.create(model=models.pop(), src=requests, config=options)
        return str(job.name)

    async def poll(self, batch: str, timeout: float) -> BatchState:
        job = await self._job(batch, timeout)
        status = job.state.name.removeprefix("JOB_STATE_") if job.state else "UNSPECIFIED"
        return BatchState(status in _ENDED, status, {})

    async def fetch(self, batch: str, keys: Collection[str], timeout: float) -> dict[str, Completion | ProviderFailed]:
        job = await self._job(batch, timeout)
        answers: dict[str, Completion | ProviderFailed] = {}
        for entry in (job.dest and job.dest.inlined_responses) or []:
            key = (entry.metadata or {}).get("key", "")
            if key in keys:
                answers[key] = _answer(key, entry)
        return answers

    async def cancel(self, batch: str, timeout: float) -> None:
        options = types.CancelBatchJobConfig(http_options=within(timeout))
        with self._classified(batch):
            await self._provider.client().aio.batches.cancel(name=batch, config=options)

    async def _job(self, batch: str, timeout: float) -> types.BatchJob:
        options = types.GetBatchJobConfig(http_options=within(timeout))
        with self._classified(batch):
            job: types.BatchJob = await self._provider.client().aio.batches.get(name=batch, config=options)
        return job

    def _classified(self, what: str) -> Any:
        return classified(Underway(what), self._provider.longest_wait)


def _answer(key: str, entry: types.InlinedResponse) -> Completion | ProviderFailed:
    if entry.response is not None:
        return completion_of(key, as_written(entry.response))
    code = entry.error.code if entry.error else None
    message = entry.error.message if entry.error else "no answer"
    return ProviderFailed(class_of_rpc(code or 0), f"{key}: {code}: {message}")
