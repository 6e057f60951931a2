"""A worker to be killed by tests: run_worker with settings from the command line, until SIGTERM."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import structlog
import uvloop

from steps.settings import StepSettings
from streams.queue_worker import run_queue_worker
from streams.settings import WorkerSettings
from streams.worker import run_worker


def settings() -> tuple[WorkerSettings, str]:
    said = argparse.ArgumentParser()
    for name in ("bootstrap", "prefix"):
        said.add_argument(name)
    said.add_argument("partitions", type=int)
    said.add_argument("session", type=float)
    said.add_argument("data_dir", type=Path)
    said.add_argument("seat")
    said.add_argument("tools", nargs="*")
    said.add_argument("--queue", default="")
    said.add_argument("--replication", type=int, default=1)
    said.add_argument("--concurrency", type=int, default=500)
    said.add_argument("--grace", type=float, default=5.0)
    said.add_argument("--replies", type=Path)
    told = vars(said.parse_args())
    steps = StepSettings(models="scripted", replies=told.pop("replies"), tools_path=tuple(told.pop("tools")))
    queue = told.pop("queue")
    return WorkerSettings(app=f"{told['prefix']}app", steps=steps, **told), queue


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    told, queue = settings()
    if queue:
        await run_queue_worker(told, queue, stop, lambda _: print("ready", flush=True))
    else:
        await run_worker(told, stop, lambda _: print("ready", flush=True))


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    uvloop.run(main())
