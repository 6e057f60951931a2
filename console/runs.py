"""`millrace runs`: the newest runs, from the projections."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from projections.lines import RunLine


def runs(
    workflow: Annotated[str | None, typer.Option(metavar="NAME", help="Only runs of this workflow.")] = None,
    status: Annotated[
        str | None,
        typer.Option(help="running, succeeded, failed, cancelled, refused, accepted or quarantined."),
    ] = None,
    quarantined: Annotated[bool, typer.Option("--quarantined", help="Only runs that were set aside.")] = False,
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List runs with their status, time and cost; refused starts are among them.

    Read from the snapshot that the projector publishes every few seconds.

    Examples:
      millrace runs
      millrace runs --workflow hello --status failed --limit 5
      millrace runs --quarantined
    """
    from console.render import print_json, print_table
    from console.settings import load
    from console.snapshot import asking

    settings = load()
    if quarantined:
        status = "quarantined"
    with asking():
        from projections.runs import list_runs

        found = list_runs(settings.snapshot, workflow=workflow, status=_known(status), limit=limit)
    if json:
        print_json([_record(line) for line in found])
    elif found:
        print_table(COLUMNS, [_row(line) for line in found], right=("took", "steps", "tokens", "dollars"))
    else:
        typer.echo("no runs" + (" like that" if workflow or status else " yet: millrace start WORKFLOW"))


COLUMNS = ("run", "workflow", "status", "began", "took", "steps", "tokens", "dollars", "error")
STATUSES = ("accepted", "running", "succeeded", "failed", "cancelled", "refused", "quarantined")


def _known(status: str | None) -> str | None:
    if status is not None and status not in STATUSES:
        raise typer.BadParameter(f"{status!r} is none of {', '.join(STATUSES)}", param_hint="--status")
    return status


def _row(line: "RunLine") -> list[Any]:
    from rich.text import Text

    from console.render_timeline import COLOURS, money
    from console.render_values import duration, instant, microseconds

    began, ended = microseconds(line.started_at or line.asked_at), microseconds(line.ended_at)
    took = duration(ended - began) if began is not None and ended is not None and line.started_at else ""
    return [
        line.run_id,
        f"{line.workflow or ''}{'@' + str(line.version) if line.version else ''}",
        Text(line.status, style=COLOURS.get(line.status, "")),
        "" if began is None else instant(began),
        took,
        f"{line.steps_ended}/{line.steps}" if line.steps else "",
        f"{line.tokens:,}" if line.tokens else "",
        money(line.usd, line.unpriced, line.calls),
        Text(_shortened(line), overflow="ellipsis", no_wrap=True),
    ]


def _shortened(line: "RunLine") -> str:
    return ": ".join(part for part in (line.error_class, line.error_message) if part)


def _record(line: "RunLine") -> dict[str, Any]:
    from dataclasses import asdict

    import orjson

    return {**asdict(line), "labels": orjson.loads(line.labels) if line.labels else {}}
