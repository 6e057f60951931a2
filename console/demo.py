"""`millrace demo`: a run from its start event to its cost, offline, in a folder that is removed afterwards."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.failure import Failure

if TYPE_CHECKING:
    from console.dev_server import DevServer

#: Seconds in which each part must be done.
_WITHIN = 60.0
_WORKFLOWS = ("hello.yaml", "fan_out.yaml", "flaky_tool.yaml")
_PUBLISHER = Path("publish_from_anywhere") / "python" / "publish.py"
_COSTS = "SELECT provider, model, calls, input_tokens, output_tokens, usd FROM cost_by_model ORDER BY usd DESC"


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder with archive, database and logs.")] = False,
) -> int:
    """See a run from its start event to its cost, in a few seconds and offline.

    Starts a broker, a worker and a projector, publishes three workflows, and lets a plain Kafka client that knows
    nothing of Millrace publish a start event as JSON. Models answer from a script. Then shows the run's timeline and,
    from DuckDB, what it cost. Leaves nothing running and nothing behind.

    Examples:
      millrace demo
      millrace demo --keep    look at the files afterwards
    """
    from console import connect

    examples = _examples()
    folder = Path(tempfile.mkdtemp(prefix="millrace-demo-"))
    try:
        connect.run(_show(folder, examples))
    finally:
        if keep:
            print(f"\nKept in {folder}; `millrace dev --data {folder}/data` goes on with it.")
        else:
            from console.dev_archive import forget

            forget(folder)
    return 0


def _examples() -> Path:
    """The folder of examples: in a checkout, or inside the installed package."""
    here = Path(__file__).resolve().parent
    for folder in (here.parent / "examples", here / "examples"):
        if (folder / _WORKFLOWS[0]).is_file():
            return folder
    remedy = "run it in a checkout of the repository: scripts/demo"
    raise Failure("the examples, which the demo runs, are not here", where=str(here.parent / "examples"), remedy=remedy)


async def _show(folder: Path, examples: Path) -> None:
    """The demonstration itself."""
    from console.dev_server import DevServer
    from console.settings import load

    settings = load(
        data_dir=folder / "data",
        database=folder / "data" / "millrace.duckdb",
        snapshot=folder / "data" / "snapshot.duckdb",
        snapshot_interval=0.3,
        topic_prefix="",
        partitions=8,
        models="scripted",
        replies=examples / "replies.yaml",
        tools_path=[str(examples)],
        grace=1.0,
    )
    began = time.monotonic()
    _say("starting a broker (in memory), a worker and a projector …")
    server = DevServer(settings, None, _say)
    await server.start()
    try:
        story = asyncio.create_task(_tell(server, examples, began))
        failed = asyncio.create_task(server.failed())
        await asyncio.wait({story, failed}, return_when=asyncio.FIRST_COMPLETED)
        failed.cancel()
        if not story.done():
            story.cancel()
            raise Failure("the demo can't go on", cause=failed.result(), where=f"logs in {server.logs}")
        story.result()
    finally:
        await server.stop()


async def _tell(server: "DevServer", examples: Path, began: float) -> None:
    from console.dev_files import WatchedFiles

    await WatchedFiles([examples / name for name in _WORKFLOWS], server.settings, _say).publish_changed()
    run_id = await _publish_from_elsewhere(server, examples)
    others = await _start_others(server)
    ended = await _ended(server, [run_id, *others])
    await _projected(server, [run_id, *others])
    environment = server.environment()
    timeline, costs = await asyncio.gather(
        _command(environment, "show", run_id), _command(environment, "query", _COSTS)
    )
    print(f'\n$ millrace show {run_id}\n\n{timeline}\n$ millrace query "{_COSTS}"\n\n{costs}')
    print(
        f"What happened: a Kafka client published JSON on workflow.commands. The worker that owns the run's partition\n"
        f"took it in, and {ended} runs went to their end, each outcome and model call an Avro event on\n"
        f"workflow.events. The projector made rows of them. All of it in {time.monotonic() - began:.1f} s.\n"
        f"Go on with: millrace dev examples/"
    )


async def _publish_from_elsewhere(server: "DevServer", examples: Path) -> str:
    """A plain Kafka client, in a process of its own and without any code of ours."""
    program = examples / _PUBLISHER
    _say(f"a plain Kafka client publishes a start event as JSON: {_PUBLISHER}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MILLRACE_", "PYTHON"))}
    return (await _run(environment, sys.executable, "-I", str(program), server.settings.broker, "Ada")).strip()


async def _start_others(server: "DevServer") -> list[str]:
    """Branches side by side, and a tool that fails at first."""
    from console.connect import connected

    async with connected(server.settings) as client:
        return [
            await client.start("fan_out", {"subject": "the heat pump"}),
            await client.start("flaky_tool", {"until": 3}),
        ]


async def _ended(server: "DevServer", run_ids: list[str]) -> int:
    """Wait for the ends of the runs; how many succeeded. Raises Failure when one did not."""
    from console.connect import connected
    from schemas.events import RunSucceeded

    async with connected(server.settings) as client:
        ends = await asyncio.gather(*(client.wait(run_id, _WITHIN) for run_id in run_ids))
    for run_id, end in zip(run_ids, ends, strict=True):
        if not isinstance(end, RunSucceeded):
            raise Failure(f"{run_id} did not succeed", cause=repr(end), where=f"logs in {server.logs}")
    return len(ends)


async def _projected(server: "DevServer", run_ids: list[str]) -> None:
    """Wait until the snapshot shows the ends, which the log has already."""
    question = "SELECT count(*) FROM runs WHERE ended_at IS NOT NULL AND run_id IN (SELECT unnest(?))"
    async with asyncio.timeout(_WITHIN):
        while await asyncio.to_thread(_count, server.settings.snapshot, question, run_ids) < len(run_ids):
            await asyncio.sleep(0.1)


def _count(snapshot: Path, question: str, run_ids: list[str]) -> int:
    from projections.query import NoSnapshot, query

    try:
        return int(query(snapshot, question, [run_ids]).rows[0][0])
    except NoSnapshot:
        return 0


async def _command(environment: dict[str, str], *arguments: str) -> str:
    """What a command of ours prints, in a process of its own as in another terminal."""
    return await _run(environment, sys.executable, "-P", "-m", "console", *arguments)


async def _run(environment: dict[str, str], *command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_WITHIN):
            said, wrong = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        cause = wrong.decode(errors="replace").strip()
        raise Failure(
            f"{Path(command[0]).name} ended with exit code {process.returncode}",
            where=" ".join(command[1:4]),
            cause=cause,
        )
    return said.decode()


def _say(line: Any) -> None:
    print(f"  {line}", flush=True)
