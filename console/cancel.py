"""`millrace cancel`: the end of a run, asked for and answered."""

from typing import Annotated

import typer


def cancel(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the run's history.")] = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the answer of the run's owner.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """End a run now: no further step starts, running ones are cancelled, what they cost is counted.

    Examples:
      millrace cancel hello-7f3k9q2x0a --reason "wrong ticket"
    """
    from console.answered import answered
    from console.render import print_json

    command_id = answered(run_id, lambda client: client.cancel(run_id, reason), wait=wait)
    if json:
        print_json({"run_id": run_id, "command_id": command_id, "status": "cancelled" if wait else "asked"})
    else:
        typer.echo(f"{run_id} is cancelled" if wait else f"asked for the end of {run_id}")
