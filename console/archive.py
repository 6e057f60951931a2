"""`millrace archive`: the log in Avro files, in a directory or an object store; brought up to date by each call."""

import asyncio
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from console.failure import Failure, usage

if TYPE_CHECKING:
    from console.settings import Settings
    from streams.archive_manifest import Manifest
    from streams.archive_store import Store

#: Seconds before a backup that follows is begun again after a failure, growing to the second figure.
PAUSE, LONGEST_PAUSE = 1.0, 60.0


def archive(
    destination: Annotated[str, typer.Argument(metavar="DEST", help="A directory, or s3://, gs://, az://.")],
    follow: Annotated[bool, typer.Option("--follow", help="Go on until told to stop.")] = False,
    every: Annotated[float, typer.Option(metavar="SECONDS", help="Between two cuts, with --follow.", min=0.1)] = 10.0,
    verify: Annotated[bool, typer.Option("--verify", help="Read it back instead, and compare.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what is there as JSON.")] = False,
) -> int:
    """Back the log up: every topic but the beats, as Avro object container files and a manifest.

    Call it again, and what is new is added; kill it, and the next call goes on. A backup ends in a cut: the topics as
    they were at one moment, nothing received in it that was not sent in it. `millrace restore` brings that back. Who
    asks an object store, and where it is, the environment says (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, …).

    Examples:
      millrace archive /backup/millrace
      millrace archive s3://backups/millrace --follow
      millrace archive /backup/millrace --verify
    """
    from console.archive_failure import telling
    from console.settings import load
    from streams.archive_store import store_at

    if verify and follow:
        raise usage("--verify reads what is there, --follow writes on", "use one of the two")
    settings = load()
    with telling(destination):
        store = store_at(destination)
        if verify:
            return _verify(store, json)
        return _follow(settings, store, every, json) if follow else _once(settings, store, json)


def _once(settings: "Settings", store: "Store", json: bool) -> int:
    from console.connect import run
    from console.progress import progress
    from streams.archive_backup import backing_up

    async def work() -> "Manifest":
        async with backing_up(settings.broker, settings.topic_prefix, store, auth=settings.kafka_auth()) as backup:
            return await backup.bring_up_to_date(on_progress)

    began = time.monotonic()
    with progress("archiving", "records") as on_progress:
        manifest = run(work())
    _tell(store, manifest, began, json)
    return 0


def _follow(settings: "Settings", store: "Store", every: float, json: bool) -> int:
    from console.serve import serve

    async def work(stop: asyncio.Event) -> None:
        following = asyncio.ensure_future(_following(settings, store, every, json))
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait([following, stopped], return_when=asyncio.FIRST_COMPLETED)
        following.cancel()
        stopped.cancel()
        with suppress(asyncio.CancelledError):
            await following

    return serve(settings, work)


async def _following(settings: "Settings", store: "Store", every: float, json: bool) -> None:
    """Cut after cut. What fails after the first is tried again: brokers and stores come back."""
    from aiokafka.errors import KafkaError

    from streams.archive_backup import backing_up
    from streams.archive_store import ArchiveFailed

    broker, prefix, auth = settings.broker, settings.topic_prefix, settings.kafka_auth()
    pause, told = PAUSE, None
    while True:
        try:
            async with backing_up(broker, prefix, store, auth=auth) as backup:
                while True:
                    began, manifest = time.monotonic(), await backup.bring_up_to_date()
                    if manifest.cut is not None and (told is None or told.ends != manifest.cut.ends):
                        _tell(store, manifest, began, json)
                    pause, told = PAUSE, manifest.cut
                    with suppress(TimeoutError):
                        await asyncio.wait_for(backup.failed(), every)
        except (OSError, KafkaError, ArchiveFailed) as error:
            if told is None:
                raise
            print(f"archiving again in {pause:g} s: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _verify(store: "Store", json: bool) -> int:
    from console.progress import progress
    from console.render import print_json
    from streams.archive_manifest import NoArchive, read_manifest
    from streams.archive_verify import verify

    if (manifest := read_manifest(store)) is None:
        raise NoArchive(f"{store} holds no archive")
    total = sum(file.end - file.first for file in manifest.files.values())
    with progress("verifying", "records") as on_progress:
        found = verify(store, manifest, lambda records: on_progress(records, total))
    if json:
        print_json({"archive": str(store), **found.as_values()})
    if found.problems:
        lines = tuple(f"  {problem}" for problem in found.problems)
        raise Failure("the archive is not what was written", where=str(store), lines=lines)
    if not json:
        print(f"{store} is whole: {found.records:,} records in {found.files:,} files, {found.bytes:,} bytes")
    return 0


def _tell(store: "Store", manifest: "Manifest", began: float, json: bool) -> None:
    """What the archive holds now."""
    from console.render import print_json_line

    files = manifest.files.values()
    said = {
        "archive": str(store),
        "partitions": manifest.partitions,
        "files": len(files),
        "bytes": sum(file.bytes for file in files),
        "offsets": sum(file.end - file.first for file in files),
        "seconds": round(time.monotonic() - began, 3),
        "cut": manifest.cut and {"time": manifest.cut.time, "ends": manifest.cut.ends},
    }
    if json:
        return print_json_line(said)
    size = f"{said['offsets']:,} records, {said['bytes']:,} bytes in {said['files']:,} files"
    print(f"{store} is up to date after {said['seconds']:.1f} s: {size}", flush=True)
