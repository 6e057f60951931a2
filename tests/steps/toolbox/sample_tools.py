"""Tools that do what tests need: answer, wait, fail, and misbehave."""

import asyncio
import dataclasses
import datetime
import importlib.util
import os
import signal
import sys
import threading
import time
import uuid

import millrace
from millrace import tool

cancelled = []


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Model:
    """What pydantic's models look like from here."""

    def model_dump(self, mode):
        return {"mode": mode}


@tool
def echo(value):
    return value


@tool
async def echo_later(value, seconds=0.0):
    await asyncio.sleep(seconds)
    return value


@tool
def defaults(first, second=2, *, third=3, **rest):
    return [first, second, third, rest]


@tool
def sleep(seconds):
    time.sleep(seconds)
    return seconds


@tool
async def block(seconds):
    """Hold up the event loop, as async code shouldn't."""
    time.sleep(seconds)


@tool
async def wait(seconds, name):
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        cancelled.append(name)
        raise


@tool
def seen():
    return cancelled


@tool
def where():
    facts = millrace.context()
    return [facts.run_id, facts.step, facts.attempt, facts.key, facts.deadline]


@tool
async def where_later():
    await asyncio.sleep(0)
    return where()


@tool
def pid():
    return os.getpid()


@tool
def python():
    return sys.version_info[:2]


@tool
def importable(names):
    return [name for name in names if importlib.util.find_spec(name) is not None]


@tool
def environment(name):
    return os.environ.get(name)


@tool
def threads():
    return threading.active_count()


@tool
def rich():
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    return {"point": Point(1, 2), "at": moment, "id": uuid.UUID(int=7), "model": Model(), "tuple": (1, 2)}


@tool
def unfit(kind):
    loop = []
    loop.append(loop)
    return {"bytes": b"x", "nan": float("nan"), "set": {1}, "loop": loop, "surrogate": "\ud800", "class": Point}[kind]


@tool
def big(size):
    return "x" * size


@tool
def fail(kind):
    raise {
        "retry": millrace.Retry("come back", after=2.5),
        "long": millrace.Retry("come back much later", after=1e9),
        "connection": ConnectionRefusedError("nobody there"),
        "timeout": TimeoutError("too slow"),
        "value": ValueError("no good"),
        "surrogate": ValueError("bad \ud800 text"),
        "exit": SystemExit(3),
        "interrupt": KeyboardInterrupt(),
        "deep": RecursionError("x" * 20_000),
    }[kind]


@tool
async def fail_later(kind):
    await asyncio.sleep(0)
    fail(kind)


@tool
async def cancel_itself():
    raise asyncio.CancelledError


@tool
def say(out="", err=""):
    print(out)
    print(err, file=sys.stderr, end="")


@tool
def die(status=3, after=0.0):
    time.sleep(after)
    os._exit(status)


@tool
def crash(after=0.0):
    time.sleep(after)
    os.kill(os.getpid(), signal.SIGKILL)


@tool
def garble():
    """Write something into the connection that is no frame, as a wild write by native code would."""
    import socket

    for number in range(3, 64):
        try:
            connection = socket.socket(fileno=os.dup(number))
        except OSError:
            continue
        if connection.family == socket.AF_UNIX:
            connection.sendall(b"\xff" * 64)


@tool
def spawn(seconds):
    """Start a program that outlives us."""
    import subprocess

    subprocess.Popen(["sleep", str(seconds)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@tool
def tell(token):
    print(f"it is {token}!")
    return {"length": len(token), "token": token}


@tool
def betray(token):
    raise ValueError(f"the token is {token}")


def unmarked():
    return "must not run"
