"""`millrace start`: a run of a published workflow, or of a file that is published first."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.failure import OK, Failure, usage

if TYPE_CHECKING:
    from console.story import RunStory
    from streams.client import Client
    from workflow.schema import Schema


def start(
    workflow: Annotated[
        str, typer.Argument(metavar="WORKFLOW|FILE", help="NAME, NAME@VERSION, NAME@ALIAS, or a file (.yaml).")
    ],
    inputs: Annotated[
        list[str] | None, typer.Option("--input", "-i", metavar="KEY=VALUE", help="One input; may be repeated.")
    ] = None,
    input_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Inputs as JSON or YAML; - reads them from standard input.")
    ] = None,
    run_id: Annotated[str, typer.Option(metavar="ID", help="Otherwise one is made up.")] = "",
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A label of the run; may be repeated.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end.")] = False,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Wait no longer; the run goes on.", min=0)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Start a run of a published workflow, or of a file, which is published first if it says something new.

    Values are JSON where they are JSON (count=3, tags='["a"]'), unless the workflow declares a string. Prints the run's
    id. With --wait: what happens, and the outputs; ends with 1 when the run fails or is refused.

    Examples:
      millrace start hello -i name=World
      millrace start triage@production --input-file ticket.json --label customer=42 --wait
      millrace start examples/hello.yaml -i name=World --wait --json | jq .outputs
    """
    if timeout is not None and not wait:
        raise usage("--timeout means nothing without --wait", "add --wait")
    from console.connect import connected, run
    from console.inputs import key_value
    from console.settings import load

    labels = dict(key_value(pair, "--label") for pair in label or [])
    asked = Asked(workflow, inputs or [], input_file, _checked_id(run_id), labels, wait, timeout, json)

    async def work() -> int:
        async with connected(settings) as client:
            return await asked.start(client)

    settings = load()
    return run(work())


class Asked:
    """What was asked for on the command line."""

    def __init__(
        self,
        workflow: str,
        pairs: list[str],
        input_file: Path | None,
        run_id: str,
        labels: dict[str, str],
        wait: bool,
        timeout: float | None,
        json: bool,
    ) -> None:
        self.workflow, self.pairs, self.input_file, self.run_id, self.labels = (
            workflow,
            pairs,
            input_file,
            run_id,
            labels,
        )
        self.wait, self.timeout, self.json = wait, timeout, json

    async def start(self, client: "Client") -> int:
        """Send the command, and wait if that was asked for; the exit code."""
        from streams.client import new_command_id

        reference, exact, inputs = await self._found(client)
        command_id = new_command_id()
        run_id = await client.start(reference, inputs, run_id=self.run_id, labels=self.labels, command_id=command_id)
        if self.wait:
            return await self._waited(client, run_id, command_id)
        if self.json:
            from console.render import print_json

            print_json({"run_id": run_id, "workflow": exact, "command_id": command_id})
        else:
            typer.echo(run_id)
        return OK

    async def _found(self, client: "Client") -> tuple[str, str, dict[str, Any]]:
        """(what to ask for, NAME@VERSION, inputs) of a name, or of a file once it is published."""
        from console.inputs import read_inputs

        if not _is_file(self.workflow):
            reference, exact, schema = await _published(client, self.workflow)
            return reference, exact, read_inputs(schema, self.pairs, self.input_file)
        from console.publish import publish_workflow, read_workflows

        workflow = read_workflows([Path(self.workflow)])[0]
        inputs = read_inputs(workflow.inputs, self.pairs, self.input_file)
        published = await publish_workflow(client, workflow)
        exact = f"{published.name}@{published.version}"
        return exact, exact, inputs

    async def _waited(self, client: "Client", run_id: str, command_id: str) -> int:
        import asyncio

        from console.story import RunStory
        from console.watch import exit_code, told

        story = RunStory(run_id)
        events = client.follow(run_id, command_id=command_id)
        try:
            async with asyncio.timeout(self.timeout):
                if self.json:
                    async for event in events:
                        story.take(event)
                else:
                    typer.echo(run_id)
                    await told(events, story, json=False)
        except TimeoutError as error:
            what = f"{run_id} is {story.status or 'not begun'} after {self.timeout:g} s"
            raise Failure(what, remedy=f"it goes on: millrace watch {run_id}") from error
        if self.json:
            from console.render import print_json

            print_json(ending(story))
        elif not story.over:
            raise Failure("the start was refused", lines=tuple(f"  {note}" for note in story.notes))
        return exit_code(story)


def ending(story: "RunStory") -> dict[str, Any]:
    """How a run ended, for programs."""
    import orjson

    from console.render_values import rfc3339

    return {
        "run_id": story.run_id,
        "workflow": f"{story.workflow}@{story.version}" if story.version else story.workflow,
        "status": story.status or "refused",
        "started": rfc3339(story.started),
        "ended": rfc3339(story.ended),
        "outputs": None if story.outputs is None else orjson.loads(story.outputs),
        "error": {"class": story.error_class, "message": story.error, "path": story.error_path}
        if story.error
        else None,
        "notes": story.notes,
    }


def _checked_id(run_id: str) -> str:
    import re

    if run_id and not re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", run_id):
        raise usage(f"{run_id!r} can't be a run id", "up to 128 letters, digits and . _ : -")
    return run_id


def _is_file(workflow: str) -> bool:
    return workflow.endswith((".yaml", ".yml")) or Path(workflow).is_file()


async def _published(client: "Client", reference: str) -> tuple[str, str, "Schema"]:
    from workflow.parse.load import load

    catalogue = await client.definitions()
    found = catalogue.resolve(reference)
    if found is None:
        raise _unknown(reference, list(catalogue.names), catalogue.names.get(reference.partition("@")[0]))
    name, version, definition = found
    published = catalogue.source(definition)
    if published is None:
        raise Failure(f"the text of {name}@{version} ({definition}) is not in workflow.definitions")
    return reference, f"{name}@{version}", load(published.source, published.file or name).inputs


def _unknown(reference: str, names: list[str], known: Any) -> Failure:
    from difflib import get_close_matches

    if known is not None:
        remedy = f"{known.name} has {', '.join(sorted(known.aliases))}"
    elif near := get_close_matches(reference, names, 1):
        remedy = f"did you mean {near[0]}?"
    else:
        remedy = f"published are {', '.join(sorted(names))}" if names else "publish it first: millrace publish FILE"
    return Failure(f"no workflow {reference} is published", remedy=remedy)
