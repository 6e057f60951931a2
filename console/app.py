"""The command line: which commands there are, and how what goes wrong becomes one block and an exit code."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from console import flags
from console.failure import FAILED, OK, USAGE, Failure, show
from console.help import Entry, write_command, write_root

_RUN = "Run workflows"
_ASK = "Watch and ask"
_SERVE = "Serve"

ENTRIES = (
    Entry("demo", "Begin", "See a run from its start event to its cost, in a few seconds and offline"),
    Entry("dev", "Begin", "Broker, worker and projector in one command, with your files published as you save them"),
    Entry("doctor", "Begin", "Tell what is missing here and how to mend it"),
    Entry("publish", _RUN, "Check workflow files and publish them as new versions"),
    Entry("start", _RUN, "Start a run of a workflow or of a file"),
    Entry("cancel", _RUN, "End a run now"),
    Entry("signal", _RUN, "Tell a run something that it waits for"),
    Entry("approve", _RUN, "Say yes to what a run asks"),
    Entry("deny", _RUN, "Say no to what a run asks"),
    Entry("resolve", _RUN, "Decide about an attempt of which nobody knows what became"),
    Entry("approvals", _ASK, "List what waits for an answer, and whose"),
    Entry("release", _RUN, "Take a quarantined run up again"),
    Entry("runs", _ASK, "List runs with their status, time and cost"),
    Entry("show", _ASK, "Show one run: its steps on a time line, attempts, tokens, dollars, errors"),
    Entry("watch", _ASK, "Watch one run live, from the log"),
    Entry("query", _ASK, "Ask the projections in SQL"),
    Entry("deadletters", _ASK, "List, show and replay what could not be read at a door"),
    Entry("worker", _SERVE, "Take in commands, decide, run steps"),
    Entry("projector", _SERVE, "Keep the DuckDB projections up to date with the log"),
    Entry("archive", _SERVE, "Back the log up to a directory or an object store, or verify a backup"),
    Entry("restore", _SERVE, "Bring a backup back into an empty cluster"),
    Entry("config", _SERVE, "Show every setting and where its value comes from"),
)


_NOT_LOADED: Any = None


class Command(TyperCommand):
    """A command with our help page."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        write_command(self, ctx, formatter)


class Commands(TyperGroup):
    """Imports a command's module when that command is asked for: `--help` needs none of them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys((entry.name for entry in ENTRIES), _NOT_LOADED)  # for "did you mean"

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = next((entry for entry in ENTRIES if entry.name == cmd_name), None)
        return entry and load(entry)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        write_root(self, ctx, formatter, ENTRIES)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        flags.forget()
        return super().parse_args(ctx, args)


def load(entry: Entry) -> Any:
    """The command behind an entry: the function of the same name in its module, with the global options added."""
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    function = getattr(import_module(entry.module), entry.name)
    single.command(entry.name, cls=Command, short_help=entry.about)(function)
    command = typer.main.get_command(single)
    command.params += _global_options()
    return command


def _broker_given(value: str | None) -> None:
    flags.give("broker", value)


def _config_given(value: Path | None) -> None:
    flags.give("config", value)


Broker = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Kafka bootstrap servers.", callback=_broker_given, expose_value=False),
]
Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Settings file; otherwise MILLRACE_CONFIG, or millrace.toml here.",
        callback=_config_given,
        expose_value=False,
        dir_okay=False,
    ),
]


def _global_options() -> list[Any]:
    single = typer.Typer(add_completion=False, rich_markup_mode=None)

    @single.command()
    def _any(broker: Broker = None, config: Config = None) -> None:
        """Has the options that every command has."""

    return list(typer.main.get_command(single).params)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"millrace {version('millrace')} (Python {sys.version.split()[0]})")
        raise typer.Exit


app = typer.Typer(
    cls=Commands, rich_markup_mode=None, no_args_is_help=True, context_settings={"help_option_names": ["--help", "-h"]}
)


@app.callback()
def millrace(
    broker: Broker = None,
    config: Config = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Durable AI workflows on a Kafka log."""


def run(arguments: list[str] | None = None) -> int:
    """Run a command line; its exit code."""
    try:
        returned = typer.main.get_command(app).main(arguments, prog_name="millrace", standalone_mode=False)
    except Failure as failure:
        return _told(failure)
    except typer.Abort:
        return _told(Failure("aborted"))
    except typer.TyperException as error:  # usage errors of the parser
        return _told(_of_parser(error))
    except Exception as error:
        if os.environ.get("MILLRACE_DEBUG"):
            raise
        return _told(_unexpected(error))
    finally:
        flags.forget()
    return returned if isinstance(returned, int) else OK


def _told(failure: Failure) -> int:
    show(failure)
    return failure.code


def _of_parser(error: Any) -> Failure:
    """What the parser says, in our block; without arguments it is the help, as asked for."""
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())
        return Failure("a command is missing", code=USAGE)
    path = getattr(getattr(error, "ctx", None), "command_path", "millrace")
    code = getattr(error, "exit_code", FAILED)
    return Failure(error.format_message().rstrip("."), remedy=f"{path} --help tells what can be written", code=code)


def _unexpected(error: Exception) -> Failure:
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else ""
    return Failure(
        "this should not have happened",
        where=place,
        cause=f"{type(error).__name__}: {error}",
        remedy="run it again with MILLRACE_DEBUG=1 to see the whole traceback, and report it",
    )


def main() -> None:
    """The program `millrace`."""
    raise SystemExit(run())
