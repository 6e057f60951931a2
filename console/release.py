"""`millrace release`: a quarantined run goes on."""

from typing import Annotated

import typer


def release(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the answer of the run's owner.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take a quarantined run up again: what was held for it since is applied in order, and it goes on.

    A run is set aside when deciding or folding it raised, or when a later version wrote to it. `millrace show RUN` has
    the reason and the traceback; release it once the workers run a version that does not raise.

    Examples:
      millrace runs --quarantined
      millrace release order-7f3k9q2x0a
    """
    from console.answered import answered
    from console.render import print_json

    command_id = answered(run_id, lambda client: client.release(run_id), wait=wait)
    if json:
        print_json({"run_id": run_id, "command_id": command_id, "status": "released" if wait else "asked"})
    else:
        typer.echo(f"{run_id} goes on" if wait else f"asked for the release of {run_id}")
