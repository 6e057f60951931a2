"""Tools for the example workflows."""

import asyncio

import millrace
from millrace import tool


@tool
def greet(name: str) -> str:
    """Say hello."""
    return f"Hello, {name}!"


@tool
def add(left: float, right: float) -> float:
    """Add two numbers."""
    return left + right


@tool
async def pause(seconds: float) -> float:
    """Take a while, without keeping a thread."""
    await asyncio.sleep(seconds)
    return seconds


@tool
def flaky(until: int = 3) -> dict[str, int]:
    """Fail until the given attempt, as a service does that is being restarted."""
    attempt = millrace.context().attempt
    if attempt < until:
        raise millrace.Retry(f"not yet: this is attempt {attempt} of {until}", after=0.1)
    return {"attempt": attempt}


@tool
def nothing() -> None:
    """Do nothing, which is what benchmarks measure."""
