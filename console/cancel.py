"""`millrace cancel`: the end of a run, asked for and answered."""

from typing import Annotated

import typer

from console.failure import Failure

_ANSWER_WITHIN = 15.0


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
    from console.connect import connected, run
    from console.render import print_json
    from console.settings import load
    from streams.client import CommandWasRefused

    async def work() -> str:
        async with connected(settings) as client:
            command_id = await client.cancel(run_id, reason)
            if wait:
                await client.answer_to(run_id, command_id, _ANSWER_WITHIN)
            return command_id

    settings = load()
    try:
        command_id = run(work())
    except TimeoutError as error:
        remedy = (
            "`millrace doctor` tells whether a worker is running; the command stands in the log and will be taken in"
        )
        raise Failure(f"no answer within {_ANSWER_WITHIN:g} s", remedy=remedy) from error
    except CommandWasRefused as error:
        raise Failure(error.refusal.message, cause=f"refused: {error.refusal.reason}") from error
    if json:
        print_json({"run_id": run_id, "command_id": command_id, "status": "cancelled" if wait else "asked"})
    else:
        typer.echo(f"{run_id} is cancelled" if wait else f"asked for the end of {run_id}")
