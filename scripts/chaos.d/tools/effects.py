"""Tools whose every call stands in a ledger outside: one line when it begins, one when it is done."""

import asyncio
import os
import time

import millrace


def _write(ledger: str, word: str) -> None:
    """One write of one line: lines of several processes do not mix."""
    context = millrace.context()
    line = f"{word} {context.run_id} {context.step} {context.attempt} {os.getpid()} {time.time_ns() // 1_000}\n"
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


@millrace.tool
async def act(ledger: str, seconds: float = 0.0):
    """Do something that takes a while."""
    _write(ledger, "begun")
    await asyncio.sleep(seconds)
    _write(ledger, "done")
    return seconds


@millrace.tool
def block(ledger: str, seconds: float = 0.0):
    """The same in a thread."""
    _write(ledger, "begun")
    time.sleep(seconds)
    _write(ledger, "done")
    return seconds


@millrace.tool
async def stumble(ledger: str, times: int):
    """Fail as unavailable in the first attempts."""
    _write(ledger, "begun")
    if millrace.context().attempt <= times:
        raise millrace.Retry(f"attempt {millrace.context().attempt} stumbles")
    _write(ledger, "done")
    return times


@millrace.tool
async def break_down(ledger: str):
    """Fail for good."""
    _write(ledger, "begun")
    raise ValueError("broken by design")
