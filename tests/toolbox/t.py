"""Tools for the end-to-end tests; those with effects write them into a ledger, one line each."""

import asyncio
import os
import time

import millrace


@millrace.tool
def noop():
    return None


@millrace.tool
def echo(value):
    return value


@millrace.tool
async def slow(seconds: float):
    await asyncio.sleep(seconds)
    return seconds


@millrace.tool
async def gate(file: str):
    """Return once there is such a file."""
    while not os.path.exists(file):
        await asyncio.sleep(0.05)


@millrace.tool
def note(ledger: str, line: str, seconds: float = 0.0):
    """Append a line with our attempt, in one write, before and after sleeping."""
    context = millrace.context()
    time.sleep(seconds)
    with open(ledger, "a", encoding="utf-8") as file:
        file.write(f"{line} {context.run_id} {context.step}#{context.attempt}\n")
    return line


@millrace.tool
def fails_until(ledger: str, times: int):
    """Fail as unavailable so many times, counted in a file."""
    with open(ledger, "a+", encoding="utf-8") as file:
        file.write(".")
    if os.path.getsize(ledger) <= times:
        raise millrace.Retry("not yet")
    return times


@millrace.tool
def dies():
    """Take the tool host down in the middle of a call."""
    os._exit(3)
