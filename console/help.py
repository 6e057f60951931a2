"""The help pages: plain text, quick to make, worth reading."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

_ROOT = """\
Durable AI workflows on a Kafka log.

Anybody may publish a start event; workers run the steps; every outcome and every model call is an event; runs and
their cost are rows in DuckDB."""

_EXAMPLES = """\
Examples:
  millrace demo                                    a run from start event to cost table
  millrace dev hello.yaml                          everything on this machine, hello.yaml published as you edit it
  millrace start hello -i name=World --wait        start a run, wait for its outputs
  millrace runs --status failed                    what went wrong lately
  millrace show hello-7f3k9q2x0a                   where its time and its money went
  millrace query "select * from cost_by_model"     the same in SQL

Exit codes:
  0  done
  1  failed or refused: the run, the file, the question
  2  the command or a setting is written wrongly
  3  no broker answers

Settings come from flags, then MILLRACE_* variables, then millrace.toml: `millrace config` shows them.
`millrace COMMAND --help` tells more of each command. MILLRACE_DEBUG=1 shows tracebacks."""

_GLOBAL = ("broker", "config")


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: the function `name` in `console.<name>`, its section on the page, and what it does."""

    name: str
    section: str
    about: str

    @property
    def module(self) -> str:
        return f"console.{self.name}"


def write_root(group: Any, ctx: Any, formatter: Any, entries: Iterable[Entry]) -> None:
    """The page of `millrace --help`; no command is imported for it."""
    group.format_usage(ctx, formatter)
    _write_text(formatter, _ROOT)
    for section, found in groupby(entries, key=lambda entry: entry.section):
        with formatter.section(section):
            formatter.write_dl([(entry.name, entry.about) for entry in found])
    _write_options(formatter, "Options", ctx, group.get_params(ctx))
    _write_text(formatter, _EXAMPLES)


def write_command(command: Any, ctx: Any, formatter: Any) -> None:
    """The page of one command: what it does, its arguments and options, those of all commands last."""
    command.format_usage(ctx, formatter)
    _write_text(formatter, command.help or "")
    params = command.get_params(ctx)
    arguments = [param for param in params if param.param_type_name == "argument"]
    everywhere = [param for param in params if param.name in _GLOBAL]
    _write_options(formatter, "Arguments", ctx, arguments)
    _write_options(formatter, "Options", ctx, [p for p in params if p not in arguments and p not in everywhere])
    _write_options(formatter, "Options of all commands", ctx, everywhere)


def _write_options(formatter: Any, title: str, ctx: Any, params: Iterable[Any]) -> None:
    records = [record for param in params if (record := param.get_help_record(ctx)) is not None]
    if records:
        with formatter.section(title):
            formatter.write_dl(records)


def _write_text(formatter: Any, text: str) -> None:
    """Paragraphs are wrapped to the terminal; indented lines stay as they are."""
    for paragraph in text.split("\n\n"):
        formatter.write_paragraph()
        lines = paragraph.splitlines()
        for verbatim, group in groupby(lines, key=lambda line: line.startswith("  ")):
            found = list(group)
            if verbatim:
                formatter.write("\n".join(found) + "\n")
            else:
                formatter.write_text(" ".join(found))
