"""The DuckDB file: opened by one process alone, written in transactions that hold rows and positions together."""

from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from projections.batch import Batch
from projections.changes import Merged, Row
from projections.intake import Position
from projections.prices import list_prices
from projections.tables import KEYED
from workflow.validity import Claim

#: Raised when `tables.sql` changes, or when rows change their meaning.
VERSION = 3


class StoreBusy(Exception):
    """Another process has the file."""


class StoreStale(Exception):
    """The file cannot be continued: damaged, made from another log or by another version. It can be built anew."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The database {path} cannot be continued: {reason}. It holds nothing that the log has not: remove the "
            f"file and {path.name}.wal, and the projector builds it anew."
        )


class Store:
    """Everything that is known, and how far the log was read for it."""

    def __init__(self, path: Path, topic: str, memory_limit: str = "1GiB") -> None:
        self.path, self.topic = path, topic
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = duckdb.connect(str(path), config={"memory_limit": memory_limit})
        except duckdb.Error as error:
            raise _cannot_open(path, error) from error
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _prepare(self) -> None:
        # Only `checkpoint` writes to the main file: a snapshot copies it while new transactions go to the WAL.
        self._run("SET wal_autocheckpoint = '1TB'")
        # Batches are small next to what a second thread costs; the broker and the workers may have the other cores.
        self._run("SET threads = 1")
        if not self._run("SELECT 1 FROM duckdb_tables() WHERE table_name = 'layout'").fetchall():
            self._create()
        self._check_layout()
        self._run(_sql("views.sql"))
        for table in KEYED:
            columns = ", ".join(table.columns)
            self._run(f"CREATE TEMP TABLE staged_{table.name} AS SELECT {columns} FROM {table.name} LIMIT 0")
        self._refresh_prices()

    def _create(self) -> None:
        self._run("BEGIN")
        self._run(_sql("tables.sql"))
        self._run(_sql("comments.sql"))
        self._run("INSERT INTO layout VALUES (?, ?)", [VERSION, self.topic])
        self._run("COMMIT")

    def _check_layout(self) -> None:
        version, topic = self._run("SELECT version, topic FROM layout").fetchall()[0]
        if version != VERSION:
            raise StoreStale(self.path, f"it has layout {version}; this version of Millrace writes {VERSION}")
        if topic != self.topic:
            raise StoreStale(self.path, f"it was made from the topic {topic}, not from {self.topic}")

    def positions(self) -> dict[int, Position]:
        """How far each partition was read, and the claim that stands there."""
        rows = self._run("SELECT partition, next_offset, log, epoch, owner, n FROM positions").fetchall()
        return {number: Position(offset, Claim(epoch, owner, n), log) for number, offset, log, epoch, owner, n in rows}

    def open_runs(self) -> dict[str, int]:
        """The newest incarnation of each run that has not ended."""
        query = "SELECT run_id, max(incarnation) FROM runs WHERE ended_at IS NULL GROUP BY run_id"
        return dict(self._run(query).fetchall())

    def incarnations(self, run_ids: Collection[str]) -> dict[str, int]:
        """The newest incarnation of each of these runs."""
        query = "SELECT run_id, max(incarnation) FROM runs WHERE run_id IN (SELECT unnest(?)) GROUP BY run_id"
        return dict(self._run(query, [list(run_ids)]).fetchall())

    def identity(self, partition: int, offset: int) -> Row | None:
        """(kind, epoch, owner, n) of a record that was read."""
        query = "SELECT kind, epoch, owner, n FROM events WHERE partition = ? AND kafka_offset = ?"
        return self._run(query, [partition, offset]).fetchone()

    @property
    def wal_size(self) -> int:
        """Bytes that wait to be brought into the main file."""
        wal = self.path.with_name(f"{self.path.name}.wal")
        return wal.stat().st_size if wal.exists() else 0

    def apply(self, batch: Batch) -> None:
        """Write a batch: rows, changes and positions in one transaction."""
        self._run("BEGIN")
        try:
            for name, rows in batch.added.items():
                self._append(name, rows)
            for merged in batch.keyed:
                if merged.changed:
                    self._merge(merged)
            self._price({(call["provider"], call["model"]) for call in batch.model_calls.changed.values()})
            self._run("COMMIT")
        except BaseException:
            self._run("ROLLBACK")
            raise

    def _merge(self, merged: Merged) -> None:
        table, columns = merged.table, merged.columns()
        staged = f"staged_{table.name}"
        self._append(staged, merged.rows(columns), [*table.key, *columns])
        self._run(table.merge(columns))
        self._run(f"TRUNCATE {staged}")

    def checkpoint(self) -> None:
        """Bring everything committed from the WAL into the main file."""
        self._run("CHECKPOINT")

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def _refresh_prices(self) -> None:
        """The list of today for all models seen, so that the file equals one that is built anew."""
        self._run("DELETE FROM prices")
        self._priced: set[tuple[str, str]] = set()
        self._price(set(self._run("SELECT DISTINCT provider, model FROM model_calls").fetchall()))

    def _price(self, models: set[tuple[str, str]]) -> None:
        for provider, model in models - self._priced:
            self._append("prices", list_prices(provider, model))
        self._priced |= models

    def _append(self, table: str, rows: list[Row], columns: list[str] | None = None) -> None:
        if rows:
            appender = self._connection.appender(table, columns=columns)
            appender.append_rows(rows)
            appender.flush()

    def _run(self, statement: str, parameters: list[Any] | None = None) -> duckdb.DuckDBPyConnection:
        return self._connection.execute(statement, parameters)


def _sql(name: str) -> str:
    return files("projections").joinpath("sql", name).read_text(encoding="utf-8")


def _cannot_open(path: Path, error: duckdb.Error) -> Exception:
    if "lock" not in str(error):
        return StoreStale(path, f"it cannot be opened ({error})")
    return StoreBusy(
        f"The database {path} is in use by another process ({error}). One projector writes it, and nobody else opens "
        "it: end the other one, and read the snapshot instead (`millrace query`)."
    )
