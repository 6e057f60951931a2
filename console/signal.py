"""`millrace signal`: a run is told something by name."""

from typing import Annotated

import typer


def signal(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that a step waits for.")],
    value: Annotated[str, typer.Option(metavar="JSON", help="What it says; JSON, or else text.")] = "null",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the answer of the run's owner.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell a run something: the value is the output of the step that waits for this signal, now or later.

    Examples:
      millrace signal order-7f3k9q2x0a paid --value '{"sum": 12.5}'
    """
    from console.answered import answered
    from console.inputs import as_json
    from console.render import print_json

    said = as_json(value)
    command_id = answered(run_id, lambda client: client.signal(run_id, name, said), wait=wait)
    if json:
        print_json({"run_id": run_id, "signal": name, "command_id": command_id, "status": "taken" if wait else "sent"})
    else:
        typer.echo(f"{run_id} has the signal {name}" if wait else f"sent the signal {name} to {run_id}")
