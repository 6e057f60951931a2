"""`millrace watch`: one run, live from the log."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.failure import FAILED, OK, Failure

if TYPE_CHECKING:
    from console.story import RunStory
    from schemas.message import Event

#: Seconds between two pictures of a run whose clock goes on.
_REDRAW = 0.1
#: Lines around the steps of the picture.
_AROUND = 10


def watch(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    json: Annotated[bool, typer.Option("--json", help="Print each event as a line of JSON.")] = False,
) -> int:
    """Watch one run, from its beginning to its end.

    Read from the log itself, so it needs no projector. Of a run id that was used again the latest run is shown. Ends
    with 1 when the run did not succeed.

    Examples:
      millrace watch hello-7f3k9q2x0a
      millrace watch hello-7f3k9q2x0a --json | jq .event
    """
    from console.connect import connected, run
    from console.settings import load
    from console.story import RunStory
    from streams.client import RunNotFound

    async def work() -> RunStory:
        async with connected(settings) as client:
            return await told(client.follow(run_id, must_exist=True), RunStory(run_id), json)

    settings = load()
    try:
        return exit_code(run(work()))
    except RunNotFound as error:
        remedy = "check the id (`millrace runs`); a start that nobody took in yet is not there: is a worker running?"
        raise Failure(f"the log knows no run {run_id}", remedy=remedy) from error


def exit_code(story: "RunStory") -> int:
    """0 for a run that succeeded."""
    return OK if story.status == "succeeded" else FAILED


async def told(events: Any, story: "RunStory", json: bool) -> "RunStory":
    """Show the events as they come, in the way that suits the output; the story at its end."""
    async with aclosing(events) as following:
        if json:
            await _as_json(following, story)
        elif sys.stdout.isatty():
            await _as_picture(following, story)
        else:
            await _as_lines(following, story)
    return story


async def _as_json(events: AsyncIterator["Event"], story: "RunStory") -> None:
    from console.render import print_json_line
    from console.render_values import event_json

    async for event in events:
        story.take(event)
        print_json_line(event_json(event))


async def _as_lines(events: AsyncIterator["Event"], story: "RunStory") -> None:
    """A line an event, and the whole picture at the end."""
    from console.render import show
    from console.render_lines import line
    from console.render_timeline import timeline

    async for event in events:
        story.take(event)
        if text := line(event, story):
            print(text, flush=True)
    print()
    show(timeline(story, now()))


async def _as_picture(events: AsyncIterator["Event"], story: "RunStory") -> None:
    """The time line, drawn again as time goes on."""
    from rich.live import Live

    from console.render_timeline import timeline

    def picture() -> Any:
        return timeline(story, now(), limit=max(5, get_terminal_size().lines - _AROUND))

    with Live(picture(), auto_refresh=False) as live:

        async def redraw() -> None:
            while True:
                live.update(picture(), refresh=True)
                await asyncio.sleep(_REDRAW)

        drawing = asyncio.create_task(redraw())
        try:
            async for event in events:
                story.take(event)
        finally:
            drawing.cancel()
            with suppress(asyncio.CancelledError):
                await drawing
        live.update(picture(), refresh=True)


def now() -> int:
    """The wall clock, as records count it."""
    return time.time_ns() // 1_000
