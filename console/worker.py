"""`millrace worker`: the settings of a worker, and its run until it is told to stop."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from console.failure import USAGE, Failure

if TYPE_CHECKING:
    from console.settings import Settings
    from streams.settings import WorkerSettings


def worker(
    seat: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its place in the group; otherwise a free one of this machine.")
    ] = None,
    queue: Annotated[
        str | None, typer.Option(metavar="NAME", help="Run the steps of this queue alone, and own no runs.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option("--concurrency", "--slots", help="Steps at once.", min=1)] = None,
    models: Annotated[
        Literal["auto", "real", "scripted"] | None, typer.Option(help="scripted answers offline (see --replies).")
    ] = None,
    replies: Annotated[Path | None, typer.Option(metavar="FILE", help="Scripted replies.")] = None,
    tools: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="A folder or module with tools; may be repeated.")
    ] = None,
    grace: Annotated[float | None, typer.Option(help="Seconds for running steps at the end.", min=0)] = None,
) -> int:
    """Take in commands, decide, run steps: one of as many processes as you like.

    Workers share the partitions among them; start another one to go faster, kill one and the rest goes on. SIGTERM and
    Ctrl-C let running steps finish within the grace period and hand over; a second Ctrl-C ends at once, which loses
    nothing either. Topics that are missing are created.

    With --queue it runs the steps that say `queue: NAME`, --concurrency of them at once, and nothing else: for a
    machine with a GPU, another network, other tools.

    Examples:
      millrace worker --broker kafka-1:9092 --tools ./tools
      millrace worker --queue gpu --concurrency 4 --tools ./models
      MILLRACE_LOG_FORMAT=json millrace worker --models scripted --replies replies.yaml
    """
    from console.serve import serve
    from console.settings import load

    settings = load(seat=seat, concurrency=concurrency, models=models, replies=replies, tools_path=tools, grace=grace)
    check_files(settings)
    wanted = worker_settings(settings)

    async def work(stop: asyncio.Event) -> None:
        from streams.seats import Superseded

        try:
            if queue is None:
                from streams.worker import run_worker

                await run_worker(wanted, stop)
            else:
                from streams.queue_worker import run_queue_worker

                await run_queue_worker(wanted, queue, stop)
        except Superseded as error:
            remedy = "two workers may not sit on one seat: leave `seat` empty, or give each its own"
            raise Failure(str(error), remedy=remedy) from error

    return serve(settings, work)


def check_files(settings: "Settings") -> None:
    """What the models' files say wrong, before anything is started."""
    from steps.price_overrides import load_overrides
    from steps.providers.server.script import load_rules

    try:
        load_rules(settings.replies)
        load_overrides(settings.prices)
    except ValueError as error:
        raise Failure("a file that the settings name can't be used", cause=str(error), code=USAGE) from error


def worker_settings(settings: "Settings") -> "WorkerSettings":
    """What the worker is told of these settings."""
    from steps.settings import StepSettings
    from streams.settings import WorkerSettings

    steps = StepSettings(
        models="scripted" if settings.models == "scripted" else "real",
        replies=settings.replies,
        anthropic_base_url=settings.anthropic_base_url,
        gemini_base_url=settings.gemini_base_url,
        openai_base_url=settings.openai_base_url,
        claude_by=settings.claude_by,
        gemini_by=settings.gemini_by,
        prices=settings.prices,
        attach_dir=settings.attach_dir,
        tools_path=tuple(settings.tools_path),
        tools_grace=settings.grace,
        secrets_dir=settings.secrets_dir,
        tools_python=str(settings.tools_python or sys.executable),
    )
    return WorkerSettings(
        bootstrap=settings.broker,
        prefix=settings.topic_prefix,
        app=settings.app,
        seat=settings.seat,
        partitions=settings.partitions,
        replication=settings.replication,
        auth=settings.kafka_auth(),
        data_dir=settings.data_dir,
        archive=settings.archive,
        concurrency=settings.concurrency,
        grace=settings.grace,
        session=settings.session,
        steps=steps,
    )
