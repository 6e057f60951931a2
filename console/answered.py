"""A command for a run: sent, and answered by the owner of the run."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from console.failure import Failure

if TYPE_CHECKING:
    from streams.client import Client

#: Seconds until a command that nobody takes in is reported.
ANSWER_WITHIN = 15.0


def answered(run_id: str, send: "Callable[[Client], Awaitable[str]]", *, wait: bool = True) -> str:
    """Send a command and wait for its answer; the command's id. Raises Failure where it is refused."""
    from console.connect import connected, run
    from console.settings import load
    from streams.client import CommandWasRefused

    async def work() -> str:
        async with connected(settings) as client:
            command_id = await send(client)
            if wait:
                await client.answer_to(run_id, command_id, ANSWER_WITHIN)
            return command_id

    settings = load()
    try:
        return run(work())
    except TimeoutError as error:
        remedy = (
            "`millrace doctor` tells whether a worker is running; the command stands in the log and will be taken in"
        )
        raise Failure(f"no answer within {ANSWER_WITHIN:g} s", remedy=remedy) from error
    except CommandWasRefused as error:
        raise Failure(error.refusal.message, cause=f"refused: {error.refusal.reason}") from error
