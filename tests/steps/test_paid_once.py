"""A fifth of the calls fail in every way there is, and every run is done: the server's ledger says what was paid."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from schemas import events as e
from steps.context import Context
from steps.providers.server.faults import STREAM, TRANSPORT
from tests.steps.providing import CLAUDE, GEMINI, OPENAI, Provided, providing, set_keys
from tests.story import Shelf, Story

RUNS = 150
FLOW = """
name: t
inputs: {n: string}
steps:
  - id: ask
    model: [claude-haiku-4-5, gemini-2.5-flash, openai/gpt-5]
    prompt: "Run {{ inputs.n }}."
    retry: {attempts: 4, backoff: 1s, on: [rate_limited, overloaded, timeout, unavailable, unknown, malformed, refused]}
outputs: "{{ steps.ask.output }}"
"""
#: Faults that another attempt may not meet; `hang` takes its timeout, and is met elsewhere.
FAULTS = ["rate_limited", "overloaded", "unavailable", "timeout", "away", "gateway_timeout", "refused", "malformed"]
FAULTS += [fault for fault in (*TRANSPORT, *STREAM) if fault not in ("hang", "slow")]


def faults(chance: random.Random) -> list[dict[str, Any]]:
    """Of each run: how many of its first calls fail, and how; a fifth of all."""
    rules = []
    for number in range(RUNS):
        while chance.random() < 0.2:
            rules.append({"match": {"prompt": f"Run {number}."}, "error": chance.choice(FAULTS), "times": 1})
    return rules


async def run_through(provided: Provided, shelf: Shelf, number: int) -> str:
    """Decided by the core, called by the executor, waits skipped: how the run ended."""
    story = Story(shelf=shelf).start(n=str(number))
    while not isinstance(last := story.events[-1], e.RunSucceeded | e.RunFailed):
        if not isinstance(last, e.StepScheduled):
            story.timer("ask")
            continue
        outcome = await provided.executor.run(last, Context())
        facts = {name: getattr(outcome, name) for name in ("output", "error_class", "message", "retry_after", "calls")}
        story.outcome("ask", outcome.status, **facts)
    return "succeeded" if isinstance(last, e.RunSucceeded) else last.error_class


async def test_every_run_is_done_and_no_answer_is_paid_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)
    chance = random.Random(20)
    async with providing(faults(chance)) as provided:
        for model in (CLAUDE, GEMINI, OPENAI):
            await provided.ask(model, "warm", timeout=60_000_000)
        shelf, gate = Shelf(FLOW), asyncio.Semaphore(8)

        async def one(number: int) -> str:
            async with gate:
                return await run_through(provided, shelf, number)

        ends = Counter(await asyncio.gather(*(one(number) for number in range(RUNS))))
        assert ends == {"succeeded": RUNS}
        good = [entry for entry in provided.server.ledger.entries if entry.billed and not entry.fault]
        paid = Counter(entry.text for entry in good if entry.text.startswith("Run "))
        assert paid == {f"Run {number}.": 1 for number in range(RUNS)}
        assert provided.requests > RUNS * 1.1
