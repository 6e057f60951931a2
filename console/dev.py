"""`millrace dev`: broker, worker and projector in one command, and workflow files published as they are saved."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.failure import Failure, usage

if TYPE_CHECKING:
    from console.dev_files import WatchedFiles
    from console.dev_server import DevServer
    from console.settings import Settings


def dev(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE...]", help="Workflow files, or folders of them, to publish.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where archive, database and logs stand.", file_okay=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the broker; otherwise that of the settings, or a free one.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Models answer from a server in the worker; no key, no network.")
    ] = False,
    replies: Annotated[Path | None, typer.Option(metavar="FILE", help="What they say offline.")] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Forget all runs and workflows of earlier times first.")
    ] = False,
) -> int:
    """Broker, worker and projector in one command, with your files published as you save them.

    The broker keeps its log in memory; every record also goes to an archive on disk, from which the next `millrace dev`
    restores it: runs go on where they were. A worker or projector that dies is started again. Ctrl-C ends all in order,
    a second one at once. This is for a machine of your own: nothing is protected, and a power loss may cost the last
    second.

    Examples:
      millrace dev                     the broker stands at 127.0.0.1:9092 if that is free
      millrace dev flows/              every workflow in the folder, published as it is saved
      millrace dev hello.yaml --reset  without the runs of yesterday
      millrace dev examples/ --offline --replies examples/replies.yaml   without any key
    """
    from console.settings import load_with_origins
    from console.worker import check_files

    offline = offline or replies is not None
    settings, origins = load_with_origins(data_dir=data, models="scripted" if offline else None, replies=replies)
    if origins.of["broker"] == "flag":
        raise usage("dev starts a broker of its own", "for another one run `millrace worker` and `millrace projector`")
    check_files(settings)
    with _alone(settings.data_dir):
        if reset:
            _forget(settings)
        return _run(settings, port, files or [])


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Nobody else runs dev with this folder."""
    from streams.archive_lock import FileLock, Locked

    lock = FileLock(data / "dev.lock")
    try:
        lock.acquire()
    except Locked as error:
        remedy = f"end it (kill {error.holder}), or use another folder (--data DIR)"
        what = "another `millrace dev` uses this folder"
        raise Failure(what, where=str(data), cause=f"process {error.holder} has it", remedy=remedy) from error
    try:
        yield
    finally:
        lock.release()


def _forget(settings: "Settings") -> None:
    from console.dev_archive import forget

    database = settings.database
    forget(settings.data_dir / "archive", database, database.with_name(f"{database.name}.wal"), settings.snapshot)


def _run(settings: "Settings", port: int | None, files: list[Path]) -> int:
    from console import connect

    return connect.run(_serve(settings, port, files))


async def _serve(settings: "Settings", port: int | None, files: list[Path]) -> int:
    """All of it, until Ctrl-C or until it can't go on."""
    from console.dev_files import WatchedFiles
    from console.dev_port import choose
    from console.dev_screen import banner, say
    from console.dev_server import DevServer

    server = DevServer(settings, choose(port, settings.broker), say)
    stop = _stopped(server)
    began = time.monotonic()
    await server.start()
    try:
        print(banner(server.settings, server.restored, server.logs, files), flush=True)
        watched = WatchedFiles(files, server.settings, say)
        await watched.publish_changed()
        return await _until(stop, server, watched, began)
    finally:
        await server.stop()
        say("ended")


async def _until(stop: asyncio.Event, server: "DevServer", watched: "WatchedFiles", began: float) -> int:
    from console.dev_screen import say

    async def tell_ready() -> None:
        await server.ready()
        say(f"ready after {time.monotonic() - began:.1f} s: a worker owns all partitions")

    beside = [asyncio.create_task(watched.watch()), asyncio.create_task(tell_ready())]
    ends = {asyncio.create_task(stop.wait()), asyncio.create_task(server.failed())}
    try:
        done, _ = await asyncio.wait({*ends, beside[0]}, return_when=asyncio.FIRST_COMPLETED)
        result = done.pop().result()
    finally:
        for task in (*beside, *ends):
            task.cancel()
    if isinstance(result, str):
        raise Failure("dev can't go on", cause=result, where=f"logs in {server.logs}")
    say("ending: worker, projector, archive, broker (Ctrl-C again ends at once)")
    return 0


def _stopped(server: "DevServer") -> asyncio.Event:
    """Set by the first signal; the second ends this process, and with it the broker and all that it started."""
    stop = asyncio.Event()

    def signalled() -> None:
        if stop.is_set():
            server.kill()
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, signalled)
    return stop
