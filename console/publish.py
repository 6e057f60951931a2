"""`millrace publish`: workflow files, checked whole, become versions that runs can be pinned to."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.failure import Failure, usage

if TYPE_CHECKING:
    from streams.client import Client, Publication
    from workflow.definition import Workflow
    from workflow.errors import Problem

_ALIAS = re.compile(r"[a-z][a-z0-9._-]{0,63}")


def publish(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Workflow files (YAML).")],
    alias: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Point this alias to the version, too; may be repeated.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check the files; publish nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check workflow files and publish them as new versions.

    All files are checked first, each problem shown at its place; with one error nothing is published. Versions count
    from 1 and never change; `latest` moves to the version just published. A file that says the same as a published
    version makes no new one. Runs that are under way finish on the version they started with.

    Examples:
      millrace publish hello.yaml
      millrace publish flows/*.yaml --alias production
      millrace publish --check flows/*.yaml
    """
    aliases = _aliases(alias or [])
    workflows = read_workflows(files)
    if check:
        _tell([_checked(workflow) for workflow in workflows], json)
        return
    from console.connect import connected, run
    from console.settings import load

    async def work() -> list["Publication"]:
        async with connected(settings) as client:
            await _check_children(client, workflows)
            return [await publish_workflow(client, workflow, aliases) for workflow in workflows]

    settings = load()
    _tell([_published(publication) for publication in run(work())], json)


def _aliases(names: list[str]) -> tuple[str, ...]:
    for name in names:
        if name == "latest":
            raise usage("latest moves by itself", "leave --alias latest out")
        if not _ALIAS.fullmatch(name):
            raise usage(
                f"{name!r} can't be an alias", "aliases are like production: small letters, digits, '.', '_', '-'"
            )
    return tuple(names)


def read_workflows(files: list[Path]) -> list["Workflow"]:
    """The workflows in these files. Raises Failure with every problem of every file; warnings are shown."""
    from workflow.errors import DefinitionInvalid

    workflows: list[Workflow] = []
    problems: list[Problem] = []
    for file in files:
        try:
            workflow, found = _read(file)
        except DefinitionInvalid as invalid:
            found = invalid.problems
        else:
            workflows.append(workflow)
        problems += found
    _tell_problems(problems)
    return workflows


def _tell_problems(problems: list["Problem"]) -> None:
    """Warnings are shown. Raises Failure where there are errors."""
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        what = f"{len(errors)} problem{'s' if len(errors) > 1 else ''}, nothing was published"
        raise Failure(what, lines=tuple(f"\n{problem}" for problem in problems))
    for warning in problems:
        typer.echo(f"{warning}\n", err=True)


async def _check_children(client: "Client", workflows: list["Workflow"]) -> None:
    """What they hand to the workflows that they run, against what is published now, or with them."""
    from workflow.check_children import check_children
    from workflow.parse.load import load

    if not any(step.kind == "workflow" for workflow in workflows for step in workflow.every_step):
        return
    catalogue, given = await client.definitions(), {workflow.name: workflow for workflow in workflows}

    def find(reference: str) -> "Workflow | None":
        name, _, alias = reference.partition("@")
        if name in given and alias in ("", "latest"):
            return given[name]
        found = catalogue.resolve(reference)
        published = catalogue.source(found[2]) if found else None
        return None if published is None else load(published.source, published.file)

    _tell_problems([problem for workflow in workflows for problem in check_children(workflow, find)])


def _read(file: Path) -> tuple["Workflow", list[Any]]:
    from workflow.check import check
    from workflow.parse.load import load

    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise Failure("the workflow file can't be read", where=str(file), cause=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise Failure("the workflow file is no UTF-8", where=str(file), remedy="save it as UTF-8") from error
    workflow = load(text, file.as_posix(), read=lambda name: (file.parent / name).read_text(encoding="utf-8"))
    return workflow, check(workflow)


async def publish_workflow(client: "Client", workflow: "Workflow", aliases: tuple[str, ...] = ()) -> "Publication":
    """Publish a checked workflow."""
    from streams.client import PublishingContended, TooLarge

    try:
        return await client.publish_workflow(
            workflow.name, workflow.version_hash, workflow.source, file=workflow.file, aliases=aliases
        )
    except TooLarge as error:
        raise Failure(str(error), remedy="move long texts out of the workflow, or split it") from error
    except PublishingContended as error:
        raise Failure(str(error), remedy="try again") from error


def _checked(workflow: "Workflow") -> dict[str, Any]:
    return {"name": workflow.name, "definition": workflow.version_hash, "file": workflow.file, "valid": True}


def _published(publication: "Publication") -> dict[str, Any]:
    return {
        "name": publication.name,
        "version": publication.version,
        "definition": publication.definition,
        "new": publication.new,
        "moved": list(publication.moved),
    }


def _tell(results: list[dict[str, Any]], json: bool) -> None:
    if json:
        from console.render import print_json

        print_json(results)
        return
    for result in results:
        typer.echo(_line(result))


def _line(result: dict[str, Any]) -> str:
    if "valid" in result:
        return f"{result['file']}: {result['name']} is valid"
    moved = ", ".join(result["moved"])
    if result["new"]:
        return f"published {result['name']}@{result['version']} ({moved})"
    known = f"{result['name']}@{result['version']} is this very definition"
    return f"{known}: {'moved ' + moved + ' to it' if moved else 'nothing to do'}"
