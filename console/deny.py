"""`millrace deny`: no to what a step of a run asks."""

from console.approve import By, Json, Reason, Role, Run, Step, Wait, answer


def deny(
    run_id: Run,
    step: Step,
    reason: Reason = "",
    by: By = "",
    role: Role = "",
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Deny what a step asks. That is an answer like another: the run goes on and reads `approved: false`.

    Examples:
      millrace deny triage-7f3k9q2x0a ok --as finance --reason "too much"
    """
    answer(run_id, step, False, None, reason, by, role, wait, json)
