"""What is asked of the child runs of a workflow when it is published: that they are there, and get what they want."""

from collections.abc import Callable, Iterator

from workflow.cel.paths import suggestion
from workflow.definition import Step, Workflow
from workflow.errors import Problem, Problems
from workflow.types import Type

Find = Callable[[str], Workflow | None]

#: (code, message, remedy)
Said = tuple[str, str, str]


def check_children(workflow: Workflow, find: Find) -> list[Problem]:
    """Errors where the inputs of a child can't fit, warnings where no such workflow is published yet."""
    problems = Problems(workflow.source)
    for step in workflow.every_step:
        if step.kind != "workflow" or step.target is None:
            continue
        child = find(step.target)
        if child is None:
            message = f"no workflow `{step.target}` is published yet; the step fails unless it is when the step begins"
            problems.add("unknown_workflow", message, "publish it", step.keys["workflow"], "warning")
            continue
        for code, message, remedy in _misfits(step, child):
            problems.add(code, message, remedy, step.keys.get("with", step.place))
    return problems.ordered()


def _misfits(step: Step, child: Workflow) -> Iterator[Said]:
    given, wanted = step.config.type.fields, child.inputs.type
    if given is None or wanted.fields is None:
        return
    required = child.inputs.json.get("required", ())
    for name in sorted(given.keys() - wanted.fields.keys()) if wanted.closed else ():
        remedy = suggestion(name, wanted.fields)
        yield "child_inputs", f"`{child.name}` has no input `{name}`", remedy
    for name, kind in wanted.fields.items():
        if name not in given and name in required:
            yield "child_inputs", f"`{child.name}` wants `{name}` ({kind})", f"add `{name}: …` to `with`"
        elif name in given and not _fits(given[name], kind):
            yield "child_inputs", f"`{child.name}` wants `{name}` as {kind}, not {given[name]}", "convert it"


def _fits(given: Type, wanted: Type) -> bool:
    if "dyn" in (given.kind, wanted.kind) or given.kind == wanted.kind:
        return True
    return (given.kind, wanted.kind) in (("int", "double"), ("timestamp", "string"), ("duration", "string")) or (
        given.kind == "null" and wanted.nullable
    )
