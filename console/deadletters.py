"""`millrace deadletters`: what could not be read at a door, why, and the way back in."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from console.failure import FAILED, OK, Failure, usage

if TYPE_CHECKING:
    from console.letter_filter import Wanted
    from streams.letters import Letter, Letters


def deadletters(
    action: Annotated[Literal["list", "show", "replay"], typer.Argument(help="list, show or replay.")] = "list",
    offsets: Annotated[
        list[int] | None, typer.Argument(metavar="[OFFSET]...", help="Which letters, as `list` shows them.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE",
            help="Only letters like this; FIELD~TEXT: whose field contains the text. Fields: topic, partition, offset, "
            "reason, message, key, value, replayed (yes or no). May be repeated.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many `list` shows, the newest.", min=1)] = 50,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what `replay` would send; send nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Replay also what was replayed before.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="`show` writes the original bytes and nothing else.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """List, show and replay messages that no door could read. They are kept whole for 30 days, with the reason.

    `replay` sends the original bytes to the partition that they came from, once whatever was missing is there: a
    schema, a version that knows the record. Their header millrace-deadletter names the letter, so that a command
    without an id that is replayed twice is the same command, and answered as a duplicate.

    Examples:
      millrace deadletters
      millrace deadletters list --where reason=unknown_schema --where replayed=no
      millrace deadletters show 17
      millrace deadletters replay --where reason=unknown_schema --dry-run
      millrace deadletters replay 17 18
    """
    from console import render_letters
    from console.letter_filter import wanted

    chosen = wanted(where or [], offsets or [])
    if action != "list" and not offsets and not where:
        raise usage("say which letters: offsets, or --where", "`millrace deadletters` lists them")
    done = _ask(chosen, replay=action == "replay", again=again, dry_run=dry_run)
    _all_found(offsets or [], done)
    letters = [letter for letter, _ in done]
    if action == "replay":
        render_letters.print_replayed(done, json=json)
    elif action == "list":
        render_letters.print_list(letters[-limit:], json=json)
    else:
        for letter in letters:
            render_letters.write_original(letter) if raw else render_letters.print_letter(letter, json=json)
    return OK if all(outcome in _WELL for _, outcome in done) else FAILED


_SENT, _PLANNED, _BEFORE = "sent", "would be sent", "replayed before; --again sends it all the same"
_WELL = ("", _SENT, _PLANNED, _BEFORE)


def _ask(chosen: "Wanted", *, replay: bool, again: bool, dry_run: bool) -> "list[tuple[Letter, str]]":
    """The letters that are chosen, each with what was done with it."""
    from console.connect import run
    from console.settings import load
    from streams.letters import Letters

    settings = load()

    async def work() -> "list[tuple[Letter, str]]":
        async with Letters(settings.broker, settings.topic_prefix, settings.kafka_auth()) as letters:
            found = [letter for letter in await letters.read(chosen.known) if chosen.all(letter)]
            if not replay:
                return [(letter, "") for letter in found]
            return [(letter, await _replayed(letters, letter, again, dry_run)) for letter in found]

    return run(work())


async def _replayed(letters: "Letters", letter: "Letter", again: bool, dry_run: bool) -> str:
    from console.connect import who
    from streams.letters import NotReplayable

    if letter.replays and not again:
        return _BEFORE
    if dry_run:
        return _PLANNED
    try:
        letter.replays.append(await letters.replay(letter, who()))
        return _SENT
    except NotReplayable as error:
        return str(error)


def _all_found(offsets: list[int], done: "list[tuple[Letter, str]]") -> None:
    if missing := sorted(set(offsets) - {letter.offset for letter, _ in done}):
        raise Failure(f"no dead letter stands at {', '.join(map(str, missing))}", remedy="`millrace deadletters` lists")
