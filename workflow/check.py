"""What is asked of a workflow when it is published: that this version can run all of it."""

from collections.abc import Iterator

from workflow.definition import Step, Workflow
from workflow.errors import Place, Problem, Problems
from workflow.keys import KINDS
from workflow.supported import (
    SUPPORTED_DEFAULTS,
    SUPPORTED_KINDS,
    SUPPORTED_STEP_KEYS,
    SUPPORTED_WORKFLOW_KEYS,
)

_OF_ATTEMPTS = frozenset({"timeout", "deadline", "retry", "idempotent", "on_unknown", "queue"})
#: What of these holds for kinds without attempts.
_HOLDS = {
    "approve": frozenset({"timeout"}),
    "wait": frozenset({"timeout"}),
    "workflow": frozenset({"timeout", "deadline", "retry"}),
}


def check(workflow: Workflow) -> list[Problem]:
    """The warnings of reading it, and an error for each part that can't be run yet; no error: publish."""
    problems = Problems(workflow.source)
    problems.found += workflow.warnings
    for step in _endless(workflow):
        message = f"`{step.id}` may wait for ever: neither it nor the workflow ends in time"
        problems.add("endless", message, "add `timeout: 2d` to the step, or `deadline: …`", step.place, "warning")
    for what, place in _not_yet(workflow):
        message = f"{what} is part of the language, but this version cannot run it yet"
        problems.add("not_yet", message, "leave it out until it can; see CHANGELOG.md", place)
    return problems.ordered()


def _not_yet(workflow: Workflow) -> Iterator[tuple[str, Place]]:
    for name, place in workflow.keys.items():
        if name not in SUPPORTED_WORKFLOW_KEYS:
            yield f"`{name}`", place
    for name in workflow.defaults:
        if name not in SUPPORTED_DEFAULTS:
            yield f"`{name}` in `defaults`", workflow.keys["defaults"]
    for step in workflow.every_step:
        yield from _in_step(step)


def _endless(workflow: Workflow) -> Iterator[Step]:
    """Steps that wait for somebody without an end."""
    if workflow.deadline is None:
        yield from (step for step in workflow.every_step if step.timeout is None and _waits_for_somebody(step))


def _waits_for_somebody(step: Step) -> bool:
    return step.kind == "approve" or (step.kind == "wait" and "signal" in (step.config.value or {}))


def _in_step(step: Step) -> Iterator[tuple[str, Place]]:
    if step.kind not in SUPPORTED_KINDS:
        yield f"`{step.kind}`", step.keys.get(step.kind, step.place)
        return  # the keys beside it come with the kind
    for name, place in step.keys.items():
        if name not in SUPPORTED_STEP_KEYS:
            yield f"`{name}`", place
    if not KINDS[step.kind].retried:
        unheld = (_OF_ATTEMPTS - _HOLDS.get(step.kind, frozenset())) & step.keys.keys()
        yield from ((f"`{name}` of a `{step.kind}` step", step.keys[name]) for name in sorted(unheld))
    if "queue" in step.keys and step.kind in ("publish", "workflow"):
        yield f"`queue` of a `{step.kind}` step", step.keys["queue"]
    if any(path[0] == "settings" for path in _paths(step)):
        yield "`settings`", step.place
    if any("object" in each for each in step.settings.get("attach") or ()):
        yield "`object` in `attach`", step.keys["attach"]
    if "choice" in step.settings:
        yield "`model: {choose}`", step.place


def _paths(step: Step) -> Iterator[tuple[str, ...]]:
    yield from step.config.paths
    yield from step.when.paths if step.when is not None else ()
