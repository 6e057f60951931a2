"""`millrace doctor`: what is missing here, and how to mend it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from console.doctor_broker import Answered
    from console.doctor_finding import Finding
    from console.settings import Settings

#: Seconds for all of it: the broker may hang, the doctor may not.
WITHIN = 4.5
#: Of these, so many for the broker and its topics.
_BROKER_WITHIN = 2.5


def doctor(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> int:
    """Tell what is missing here and how to mend it, in at most five seconds.

    Looks at this machine, the broker and its topics, the workers' beats, the published workflows, dead letters and
    refusals, the projection and the keys of model providers. It changes nothing. The exit code is 1 when something
    must be mended before runs can run.

    Examples:
      millrace doctor
      millrace doctor --broker kafka-1:9092 --json
    """
    from console import connect
    from console.doctor_finding import as_json, show
    from console.render import print_json
    from console.settings import load

    findings = connect.run(examine(load()))
    if json:
        print_json(as_json(findings))
    else:
        show(findings)
    return int(any(finding.status == "fail" for finding in findings))


async def examine(settings: "Settings", within: float = WITHIN) -> list["Finding"]:
    """Everything at once, each question with a limit of its own."""
    from console import doctor_machine, doctor_tools

    tools = asyncio.create_task(_bounded("Tools", "tools", within, lambda: doctor_tools.look(settings)))
    findings = [*doctor_machine.look(settings), *await _log(settings, within)]
    return [*findings, *await tools]


async def _log(settings: "Settings", within: float) -> list["Finding"]:
    """The broker first; what stands on it only if it answers."""
    from console import doctor_log, doctor_workers

    began = time.monotonic()
    answered = await _broker(settings, min(_BROKER_WITHIN, within))
    left = within - (time.monotonic() - began)
    asked: list[tuple[str, str, Callable[[], Awaitable[list[Finding]]]]] = [
        ("Projection", "snapshot", lambda: _projection(settings, answered.usable))
    ]
    if answered.usable:
        asked[:0] = [
            ("Workers", "workers", lambda: doctor_workers.workers(settings)),
            ("Log", "workflows", lambda: doctor_log.published(settings)),
            ("Log", "dead letters", lambda: doctor_log.dead_letters(settings)),
        ]
    answers = await asyncio.gather(*(_bounded(area, subject, left, ask) for area, subject, ask in asked))
    return [*answered.findings, *(finding for found in answers for finding in found)]


async def _projection(settings: "Settings", usable: bool) -> list["Finding"]:
    from console.doctor_broker import ends
    from console.doctor_projection import judge, read

    known = await asyncio.to_thread(read, settings)
    return judge(settings, known, await ends(settings) if usable else None)


async def _broker(settings: "Settings", within: float) -> "Answered":
    from console.doctor_broker import Answered, look

    found: list[Answered] = []

    async def ask() -> list["Finding"]:
        found.append(await look(settings))
        return found[0].findings

    findings = await _bounded("Broker", "broker", within, ask)
    return found[0] if found else Answered(findings)


async def _bounded(
    area: str, subject: str, within: float, ask: Callable[[], Awaitable[list["Finding"]]]
) -> list["Finding"]:
    """The answer, or that there was none in time, or what went wrong."""
    from console.doctor_finding import Finding

    try:
        async with asyncio.timeout(within):
            return await ask()
    except TimeoutError:
        said = f"no answer within {within:.1f} s"
        remedy = "is it overloaded, stopped, or behind a firewall that drops what it does not know?"
        return [Finding(area, subject, "fail", said, remedy)]
    except Exception as error:
        return [Finding(area, subject, "fail", f"{type(error).__name__}: {error}", "MILLRACE_DEBUG=1 shows more")]
