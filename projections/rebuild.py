"""A shadow of the database, built from the log's first record, and what it differs in."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from projections.follow import OnProgress
from projections.projector import run_projector
from projections.reader import Auth

if TYPE_CHECKING:
    import duckdb

#: What a table is called in messages where rows are only on one side.
_SIDES = (("a", "b"), ("b", "a"))


async def rebuild(
    bootstrap: str, path: Path, *, prefix: str = "", auth: Auth | None = None, on_progress: OnProgress | None = None
) -> int:
    """Build a new database at `path` up to what is in the log now. The number of records read."""
    if path.exists():
        raise FileExistsError(f"{path} exists: a shadow is built into a new file. Remove it, or name another one.")
    return await run_projector(
        bootstrap=bootstrap,
        prefix=prefix,
        path=path,
        stop=asyncio.Event(),
        auth=auth,
        on_progress=on_progress,
        until_end=True,
    )


def differences(a: Path, b: Path) -> list[str]:
    """What two databases differ in, table by table; nothing: they hold the same rows.

    Neither file may be open for writing; in the process that writes one, not even its snapshot's original.
    """
    import duckdb

    with duckdb.connect() as connection:
        for name, path in (("a", a), ("b", b)):
            connection.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS {name} (READ_ONLY)")
        tables = {side: _tables(connection, side) for side in ("a", "b")}
        found = [f"table {name} is only in one of them" for name in sorted(tables["a"].keys() ^ tables["b"].keys())]
        for name in sorted(tables["a"].keys() & tables["b"].keys()):
            if tables["a"][name] != tables["b"][name]:
                found.append(f"table {name} has other columns")
            else:
                found += _compare(connection, name)
        return found


def _tables(connection: "duckdb.DuckDBPyConnection", side: str) -> dict[str, list[tuple[str, str]]]:
    rows = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = ? AND NOT internal "
        "AND table_name IN (SELECT table_name FROM duckdb_tables()) ORDER BY table_name, column_index",
        [side],
    ).fetchall()
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in rows:
        found.setdefault(table, []).append((column, kind))
    return found


def _compare(connection: "duckdb.DuckDBPyConnection", table: str) -> list[str]:
    found = []
    for here, there in _SIDES:
        only = f"SELECT * FROM {here}.{table} EXCEPT ALL SELECT * FROM {there}.{table}"
        count = connection.execute(f"SELECT count(*) FROM ({only})").fetchall()[0][0]
        if count:
            first = connection.execute(f"SELECT * FROM ({only}) ORDER BY ALL LIMIT 1").fetchall()[0]
            found.append(f"table {table}: {count} rows are only in {here}, the first is {first}")
    return found
