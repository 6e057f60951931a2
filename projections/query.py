"""Questions to the snapshot: read-only, without access to anything outside it, bounded in time and memory."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

Parameters = Sequence[Any] | Mapping[str, Any]

TIME_LIMIT = 60.0
MEMORY_LIMIT = "1GiB"


@dataclass(frozen=True, slots=True)
class Result:
    """The answer: names and SQL types of the columns, and the rows."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]

    def records(self) -> list[dict[str, Any]]:
        """Each row by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class NoSnapshot(Exception):
    """There is nothing to ask yet."""


class QueryFailed(Exception):
    """The statement was refused, took too long or needed too much."""


def query(
    path: Path,
    sql: str,
    params: Parameters = (),
    *,
    time_limit: float = TIME_LIMIT,
    memory_limit: str = MEMORY_LIMIT,
) -> Result:
    """Answer one or more statements about the snapshot; the last one's rows. Raises NoSnapshot, QueryFailed."""
    with opened(path, memory_limit) as connection:
        return ask(connection, sql, params, time_limit)


@contextmanager
def opened(path: Path, memory_limit: str = MEMORY_LIMIT) -> "Iterator[duckdb.DuckDBPyConnection]":
    """The snapshot, so that several questions see the same moment. Raises NoSnapshot, QueryFailed."""
    import duckdb

    if not path.exists():
        raise NoSnapshot(
            f"There is no snapshot at {path} yet: nothing has been projected there. Start `millrace projector` (or "
            "`millrace dev`), which publishes one every few seconds, or name another file with MILLRACE_SNAPSHOT."
        )
    try:
        connection = duckdb.connect(
            str(path),
            read_only=True,
            config={
                "memory_limit": memory_limit,
                "enable_external_access": False,
                "autoload_known_extensions": False,
                "autoinstall_known_extensions": False,
                "lock_configuration": True,
            },
        )
    except duckdb.Error as error:
        raise QueryFailed(
            f"The snapshot {path} cannot be opened: {_first_line(error)}. Is it a snapshot that the projector "
            "published, and not the database that it writes?"
        ) from error
    with connection:
        yield connection


def ask(
    connection: "duckdb.DuckDBPyConnection", sql: str, params: Parameters = (), time_limit: float = TIME_LIMIT
) -> Result:
    """Answer about an open snapshot. Raises QueryFailed."""
    import duckdb

    if not sql.strip():
        raise QueryFailed("The query is empty. Try: SELECT * FROM runs ORDER BY started_at DESC LIMIT 10")
    expired = threading.Event()
    clock = threading.Timer(time_limit, _interrupt, (connection, expired))
    clock.daemon = True
    clock.start()
    try:
        answer = connection.execute(sql, params)
        described = answer.description or []
        rows = answer.fetchall() if described else []
    except duckdb.Error as error:
        raise QueryFailed(_explain(error, expired.is_set(), time_limit)) from error
    finally:
        clock.cancel()
    return Result([column[0] for column in described], [str(column[1]) for column in described], rows)


def _interrupt(connection: "duckdb.DuckDBPyConnection", expired: threading.Event) -> None:
    expired.set()
    connection.interrupt()


def _explain(error: "duckdb.Error", expired: bool, time_limit: float) -> str:
    import duckdb

    if expired:
        return f"The query was stopped after {time_limit:g} s. Ask for less, or allow more time."
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"The query needs more memory than it may have ({_first_line(error)}). Ask for less at once."
    said = str(error).strip()
    if "read-only" in said:
        return f"{said}\nThe snapshot can only be read: the projector alone writes."
    if "disabled by configuration" in said or "configuration has been locked" in said:
        return f"{said}\nA query sees the snapshot and nothing else: no files, no network, no settings."
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        return (
            f"{said}\n`DESCRIBE` lists the tables, `DESCRIBE runs` the columns of one; docs/analytics.md explains them."
        )
    return said


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
