"""`millrace approvals`: what waits for an answer, and whose."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from projections.lines import WaitingApproval


def approvals(
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Only what this one may answer.")] = None,
    limit: Annotated[int, typer.Option(help="How many, the longest waiting first.", min=1)] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what waits for an answer: of which run and step, who may give it, and until when.

    Read from the snapshot that the projector publishes every few seconds.

    Examples:
      millrace approvals
      millrace approvals --by finance --json
    """
    from console.render import print_json, print_table
    from console.settings import load
    from console.snapshot import asking

    settings = load()
    with asking():
        from projections.runs import list_approvals

        found = list_approvals(settings.snapshot, by=by, limit=limit)
    if json:
        print_json([_record(line) for line in found])
    elif found:
        print_table(COLUMNS, [_row(line) for line in found])
    else:
        typer.echo("nothing waits for an answer" + (f" by {by}" if by else ""))


COLUMNS = ("run", "step", "asked", "prompt", "under review", "since", "until")


def _row(line: "WaitingApproval") -> list[Any]:
    import orjson

    from console.render_values import instant, microseconds

    since, until = microseconds(line.asked_at), microseconds(line.waits_until)
    return [
        line.run_id,
        line.path,
        ", ".join(orjson.loads(line.asked)),
        line.prompt,
        line.asked_value,
        "" if since is None else instant(since),
        "" if until is None else instant(until),
    ]


def _record(line: "WaitingApproval") -> dict[str, Any]:
    from dataclasses import asdict

    import orjson

    opened = {"asked": orjson.loads(line.asked), "asked_value": orjson.loads(line.asked_value or "null")}
    return {**asdict(line), **opened}
