"""`millrace restore`: an archive back into an empty cluster, where its runs go on."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.archive_restore import Restored


def restore(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="What `millrace archive` wrote.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a restoring that was interrupted.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was restored as JSON.")] = False,
) -> int:
    """Bring an archive back into an empty cluster; open runs go on as soon as a worker starts.

    The topics are created where they are missing, and must hold nothing. Every file is compared with the manifest as it
    is read. Start no worker before this has ended. Killed, it goes on with --resume. Never let the old cluster and
    the restored one both run: steps would be done twice.

    Examples:
      millrace restore /backup/millrace --broker kafka-2:9092
      millrace restore s3://backups/millrace --resume
    """
    from console.archive_failure import telling
    from console.connect import run
    from console.dev_archive import refuse_partitions
    from console.progress import progress
    from console.settings import load
    from streams.archive_manifest import NoArchive, read_manifest
    from streams.archive_store import store_at

    settings = load()
    with telling(source):
        store = store_at(source)
        if (manifest := read_manifest(store)) is None:
            raise NoArchive(f"{store} holds no archive")
        refuse_partitions(manifest.partitions, settings.partitions, "as whoever works on it must (MILLRACE_PARTITIONS)")

        async def work() -> "Restored":
            from streams.archive_restore import restore
            from streams.topics import ensure_topics

            broker, prefix, auth = settings.broker, settings.topic_prefix, settings.kafka_auth()
            await ensure_topics(broker, prefix, settings.partitions, settings.replication, auth)
            return await restore(broker, prefix, store, auth=auth, resume=resume, on_progress=on_progress)

        began = time.monotonic()
        with progress("restoring", "records") as on_progress:
            restored = run(work())
    _tell(source, restored, time.monotonic() - began, json)
    return 0


def _tell(source: str, restored: "Restored", took: float, json: bool) -> None:
    from console.render import print_json

    if json:
        ends: dict[str, dict[int, int]] = {}
        for (topic, partition), end in sorted(restored.ends.items()):
            ends.setdefault(topic, {})[partition] = end
        said = {"archive": source, "records": restored.records, "fillers": restored.fillers}
        return print_json(said | {"waiting": restored.waiting, "seconds": round(took, 3), "ends": ends})
    waiting = f"; {restored.waiting:,} commands and outcomes are still to be taken in" if restored.waiting else ""
    print(f"restored {restored.records:,} records from {source} in {took:.1f} s{waiting}")
    print("start workers, and open runs go on: millrace worker")
