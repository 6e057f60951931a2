"""A worker to be killed by tests: run_worker with settings from the command line, until SIGTERM."""

import asyncio
import signal
import sys
from pathlib import Path

import structlog
import uvloop

from steps.settings import StepSettings
from streams.settings import WorkerSettings
from streams.worker import run_worker


async def main() -> None:
    bootstrap, prefix, partitions, session, data_dir, seat, *tools = sys.argv[1:]
    settings = WorkerSettings(
        bootstrap=bootstrap,
        prefix=prefix,
        app=f"{prefix}app",
        seat=seat,
        partitions=int(partitions),
        data_dir=Path(data_dir),
        session=float(session),
        grace=5.0,
        steps=StepSettings(models="scripted", tools_path=tuple(tools)),
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run_worker(settings, stop, lambda _: print("ready", flush=True))


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    uvloop.run(main())
