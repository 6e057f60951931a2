"""`millrace approve`: yes to what a step of a run asks."""

from typing import Annotated

import typer

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]
Step = Annotated[str, typer.Argument(metavar="STEP", help="The path of the step that asks.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the run's history.")]
By = Annotated[str, typer.Option(metavar="NAME", help="Who answers; otherwise who is logged in.")]
Role = Annotated[str, typer.Option("--as", metavar="NAME", help="For whom of those who may answer.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the answer of the run's owner.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def approve(
    run_id: Run,
    step: Step,
    value: Annotated[
        str | None, typer.Option(metavar="JSON", help="In place of the value under review; JSON, or else text.")
    ] = None,
    reason: Reason = "",
    by: By = "",
    role: Role = "",
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Approve what a step asks. The first answer stands; it says who gave it, when and why.

    Examples:
      millrace approve triage-7f3k9q2x0a ok --as finance --reason "he is right"
      millrace approve triage-7f3k9q2x0a ok --by ada --value '{"sum": 10}'
    """
    answer(run_id, step, True, value, reason, by, role, wait, json)


def answer(
    run_id: str, step: str, approved: bool, value: str | None, reason: str, by: str, role: str, wait: bool, json: bool
) -> None:
    """Send an answer and tell what came of it."""
    import orjson

    from console.answered import answered
    from console.connect import user
    from console.inputs import as_json
    from console.render import print_json

    who, said = by or user(), None if value is None else orjson.dumps(as_json(value))
    command_id = answered(
        run_id,
        lambda client: client.answer_approval(run_id, step, approved, who, role=role, reason=reason, value=said),
        wait=wait,
    )
    verdict = "approved" if approved else "denied"
    if json:
        told = {"run_id": run_id, "step": step, "approved": approved, "by": who, "command_id": command_id}
        print_json({**told, "status": verdict if wait else "sent"})
    else:
        typer.echo(f"{step} of {run_id} is {verdict} by {who}" if wait else f"sent: {step} of {run_id} {verdict}")
