"""What a model step costs over the bare call of its SDK: time of one, of 500 at once, and memory of each in flight."""

import asyncio
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx2

from steps.context import Context
from steps.executor import Executor
from steps.settings import StepSettings
from tests.steps.scheduled import scheduled

CLAUDE, GEMINI = "claude-haiku-4-5", "gemini-2.5-flash"
#: How many are made at once.
MANY = 500

Call = Callable[[str], Awaitable[Any]]


async def measure(scale: float) -> dict[str, float]:
    os.environ.update(ANTHROPIC_API_KEY="bench", GEMINI_API_KEY="bench")
    slow = 2.0 * scale  # seconds that the server takes for each of those that are made at once
    many = round(MANY * scale)
    with _server(slow) as address:
        executor = Executor(StepSettings(anthropic_base_url=address, gemini_base_url=address, calls_per_provider=MANY))
        found: dict[str, float] = {}
        for name, model, bare in (("claude", CLAUDE, _claude(address)), ("gemini", GEMINI, _gemini(address))):
            step = _step(executor, model)
            found |= {f"{name}_{key}": value for key, value in (await _alone(bare, step, round(300 * scale))).items()}
            found |= {f"{name}_{key}": value for key, value in (await _together(bare, step, slow, many)).items()}
        await executor.close()
    return found


async def _alone(bare: Call, step: Call, times: int) -> dict[str, float]:
    """One at a time, taking turns, so that whatever else the machine does meets both."""
    taken: dict[str, list[float]] = {"bare": [], "step": []}
    for _ in range(20 + times):
        for name, call in (("bare", bare), ("step", step)):
            began = time.perf_counter()
            await call("quick")
            taken[name].append(time.perf_counter() - began)
    bare_ms, step_ms = (median(taken[name][20:]) * 1e3 for name in ("bare", "step"))
    return {"bare_ms_p50": bare_ms, "step_ms_p50": step_ms, "overhead_ms_p50": step_ms - bare_ms}


async def _together(bare: Call, step: Call, slow: float, many: int) -> dict[str, float]:
    """The second time, when connections are there; and the processor time that it took this process."""
    found: dict[str, float] = {}
    for name, call in (("bare", bare), ("step", step)):
        await _all(call, many)
        used = time.process_time()
        found[f"many_{name}_s"] = await _all(call, many)
        found[f"many_{name}_cpu_s"] = time.process_time() - used
    found["kib_in_flight_over_bare"] = (await _memory(step, slow, many) - await _memory(bare, slow, many)) / many / 1024
    return found


async def _all(call: Call, many: int) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(call("slow") for _ in range(many)))
    return time.perf_counter() - began


async def _memory(call: Call, slow: float, many: int) -> float:
    """Bytes that are held while all are in flight."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    running = asyncio.gather(*(call("slow") for _ in range(many)))
    await asyncio.sleep(slow * 0.75)
    held, _ = tracemalloc.get_traced_memory()
    await running
    tracemalloc.stop()
    return held - before


def _step(executor: Executor, model: str) -> Call:
    async def call(prompt: str) -> None:
        outcome = await executor.run(scheduled("model", model, {"prompt": prompt}, timeout=60_000_000), Context())
        assert outcome.status == "succeeded", outcome

    return call


def _claude(address: str) -> Call:
    import anthropic

    http = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=None))
    client = anthropic.AsyncAnthropic(base_url=address, max_retries=0, open_telemetry=False, http_client=http)

    async def call(prompt: str) -> None:
        await client.messages.create(
            model=CLAUDE, max_tokens=4096, messages=[{"role": "user", "content": prompt}], timeout=60
        )

    return call


def _gemini(address: str) -> Call:
    from google import genai
    from google.genai import types

    http = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=None))
    client = genai.Client(
        api_key="bench", vertexai=False, http_options=types.HttpOptions(base_url=address, httpx_async_client=http)
    )
    config = types.GenerateContentConfig(http_options=types.HttpOptions(timeout=60_000))

    async def call(prompt: str) -> None:
        await client.aio.models.generate_content(model=GEMINI, contents=prompt, config=config)

    return call


@contextmanager
def _server(slow: float) -> Iterator[str]:
    program = Path(__file__).with_name("provider_server.py")
    with subprocess.Popen(
        [sys.executable, str(program), str(slow)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.communicate()
