"""`millrace resolve`: what is to be done about an attempt of which nobody knows what became."""

from typing import Annotated, Literal

import typer

from console.approve import By, Json, Reason, Run, Wait


def resolve(
    run_id: Run,
    step: Annotated[str, typer.Argument(metavar="STEP", help="The path of the step in doubt.")],
    decision: Annotated[Literal["retry", "fail", "succeed"], typer.Argument(help="What is to follow.")],
    output: Annotated[
        str | None, typer.Option(metavar="JSON", help="With succeed: the output that it had; JSON, or else text.")
    ] = None,
    attempt: Annotated[
        int, typer.Option(help="The attempt in doubt, which `millrace show` names.", min=1, show_default=True)
    ] = 1,
    reason: Reason = "",
    by: By = "",
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Decide about a step whose worker was lost in the middle: with `on_unknown: ask` it waits for that.

    Look first whether the call did its work, or was billed: `retry` makes it again, `fail` fails the step, `succeed`
    goes on with the output that it had.

    Examples:
      millrace resolve refund-7f3k9q2x0a pay succeed --output '{"receipt": 17}' --reason "the bank has it"
      millrace resolve refund-7f3k9q2x0a pay retry --attempt 2
    """
    import orjson

    from console.answered import answered
    from console.connect import user
    from console.inputs import as_json
    from console.render import print_json

    who, had = by or user(), None if output is None else orjson.dumps(as_json(output))
    command_id = answered(
        run_id,
        lambda client: client.resolve_step(run_id, step, attempt, decision, who, reason=reason, output=had),
        wait=wait,
    )
    if json:
        told = {"run_id": run_id, "step": step, "attempt": attempt, "decision": decision, "by": who}
        print_json({**told, "command_id": command_id, "status": "resolved" if wait else "sent"})
    else:
        typer.echo(f"{step}#{attempt} of {run_id}: {decision}" + ("" if wait else " (sent)"))
