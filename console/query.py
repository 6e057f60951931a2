"""`millrace query`: SQL over the projections."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from console.failure import Failure, usage


def query(
    sql: Annotated[
        str | None, typer.Argument(metavar="SQL", help="The question; - reads it from standard input.")
    ] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="Read the question from a file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list of rows.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")] = False,
) -> None:
    """Ask the projections in SQL (DuckDB).

    The tables: runs, steps, attempts, model_calls, events, refusals, and views such as run_costs, cost_by_day,
    cost_by_workflow and cost_by_model. `DESCRIBE` lists them all. The question sees the snapshot and nothing else.

    Examples:
      millrace query "select workflow, count(*) from runs group by all"
      millrace query "select * from cost_by_day" --csv > days.csv
      millrace query --file slowest.sql --json
    """
    from console.render import print_csv, print_json, print_table
    from console.settings import load
    from console.snapshot import asking

    if json and csv:
        raise usage("--json and --csv exclude each other")
    settings = load()
    question = _question(sql, file)
    with asking():
        from projections.query import query as answer

        result = answer(settings.snapshot, question)
    if json:
        print_json([dict(zip(result.columns, _opened(row, result.types), strict=True)) for row in result.rows])
    elif csv:
        print_csv(result.columns, [[_text(value) for value in row] for row in result.rows])
    elif result.columns:
        numbers = [name for name, kind in zip(result.columns, result.types, strict=True) if _is_number(kind)]
        print_table(result.columns, [[_text(value) for value in row] for row in result.rows], right=numbers)


def _question(sql: str | None, file: Path | None) -> str:
    if (sql is None) == (file is None):
        raise usage("a question is wanted: SQL, or --file FILE", 'millrace query "select * from runs"')
    if sql is not None:
        return sys.stdin.read() if sql == "-" else sql
    assert file is not None
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("the question can't be read", where=str(file), cause=str(error)) from error


def _is_number(kind: str) -> bool:
    return (
        kind.startswith(("DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "UHUGEINT"))
        or kind.endswith("INT")
        or "INTEGER" in kind
    )


def _opened(row: tuple[Any, ...], types: list[str]) -> list[Any]:
    """The values of a row, JSON columns as what they say."""
    import orjson

    return [
        orjson.loads(value) if kind == "JSON" and isinstance(value, str) else value
        for value, kind in zip(row, types, strict=True)
    ]


def _text(value: Any) -> Any:
    """NULL is empty; what is nested is JSON."""
    from console.render import json_text

    return json_text(value) if isinstance(value, (dict, list)) else value
