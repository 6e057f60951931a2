"""Writes for people (rich tables, where wanted) and for programs (JSON, CSV)."""

import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any


def print_json(value: Any) -> None:
    """A JSON document, indented."""
    sys.stdout.write(json_text(value, indent=True) + "\n")


def print_json_line(value: Any) -> None:
    """A JSON document on a line of its own, seen at once by who reads along."""
    sys.stdout.write(json_text(value) + "\n")
    sys.stdout.flush()


def json_text(value: Any, *, indent: bool = False) -> str:
    """JSON as programs read it: decimals keep their digits, times are RFC 3339."""
    import orjson

    option = orjson.OPT_NON_STR_KEYS | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z  # the database's times are UTC
    return orjson.dumps(value, default=_as_json, option=option | (orjson.OPT_INDENT_2 if indent else 0)).decode()


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value) if value == Decimal(str(float(value))) else f"{value:f}"
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return list(value) if isinstance(value, (set, frozenset)) else str(value)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """A table as wide as the terminal; whole where the output is no terminal."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(value if _styled(value) else cell(value) for value in row))
    show(table)


def _styled(value: Any) -> bool:
    return hasattr(value, "__rich__") or hasattr(value, "__rich_console__")


def cell(value: Any) -> str:
    """One value as text."""
    from rich.markup import escape

    if value is None:
        return ""
    return escape(f"{value:f}" if isinstance(value, Decimal) else str(value))  # never 0E-9


def show(renderable: Any) -> None:
    """Print what rich can render; where the output is no terminal nothing is cut off, coloured or padded."""
    from rich.console import Console

    if sys.stdout.isatty():
        Console(highlight=False).print(renderable)
        return
    plain = Console(highlight=False, width=_UNCUT, no_color=True, force_terminal=False)
    with plain.capture() as captured:
        plain.print(renderable)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


_UNCUT = 10_000


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """CSV with a header, as RFC 4180 has it."""
    import csv

    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    writer.writerows(rows)
