"""`millrace projector`: keeps the DuckDB projections and their snapshot true to the log."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from console.failure import UNREACHABLE, Failure


def projector(
    database: Annotated[Path | None, typer.Option(metavar="FILE", help="The file that it writes.")] = None,
    snapshot: Annotated[Path | None, typer.Option(metavar="FILE", help="The file that queries read.")] = None,
    snapshot_interval: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Between snapshots, at least.", min=0.1)
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Put a file aside that can't be continued, and build it anew.")
    ] = False,
) -> int:
    """Keep the DuckDB projections up to date with the log: one process for each file.

    Every few seconds a snapshot is published, which `runs`, `show`, `query` and analysts read. The file holds nothing
    that the log has not: remove it, and it is built anew.

    Examples:
      millrace projector --broker kafka-1:9092
      millrace projector --database /data/millrace.duckdb --snapshot /data/snapshot.duckdb
    """
    from console.serve import serve
    from console.settings import load

    settings = load(database=database, snapshot=snapshot, snapshot_interval=snapshot_interval)
    auth = settings.kafka_auth()

    async def work(stop: asyncio.Event) -> None:
        from projections.intake import RecordsMissing, Unreadable
        from projections.projector import run_projector
        from projections.reader import BrokerSilent
        from projections.snapshot import CopyFailed
        from projections.store import StoreBusy, StoreStale
        from streams import forgiving

        forgiving.install()
        settings.database.parent.mkdir(parents=True, exist_ok=True)
        settings.snapshot.parent.mkdir(parents=True, exist_ok=True)
        try:
            await run_projector(
                bootstrap=settings.broker,
                prefix=settings.topic_prefix,
                path=settings.database,
                snapshot_path=settings.snapshot,
                snapshot_interval=settings.snapshot_interval,
                stop=stop,
                auth=auth,
                start_anew=anew,
            )
        except BrokerSilent as error:
            raise Failure(str(error), remedy="check --broker (`millrace config`)", code=UNREACHABLE) from error
        except StoreStale as error:
            raise Failure(str(error), remedy="or start it once with --anew") from error
        except CopyFailed as error:
            remedy = f"make room where {settings.snapshot} is to be; the projection itself is whole"
            raise Failure(str(error), remedy=remedy) from error
        except (RecordsMissing, StoreBusy, Unreadable) as error:
            raise Failure(str(error)) from error

    return serve(settings, work)
