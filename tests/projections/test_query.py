"""Questions to the snapshot: answered, bounded, and unable to do anything else."""

import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from projections.query import NoSnapshot, QueryFailed, query
from projections.store import Store
from tests.projections.histories import Story, project


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snapshots") / "it's a snapshot.duckdb"
    with Store(path, "workflow.events") as store:
        project(store, Story(5).log.records())
    return path


def test_the_answer_has_columns_types_and_rows(snapshot: Path) -> None:
    result = query(snapshot, "SELECT 1 AS one, 'x' AS letter, CAST(2.50 AS DECIMAL(9, 2)) AS usd")
    assert result.columns == ["one", "letter", "usd"]
    assert result.types == ["INTEGER", "VARCHAR", "DECIMAL(9,2)"]
    assert result.rows == [(1, "x", Decimal("2.50"))]
    assert result.records() == [{"one": 1, "letter": "x", "usd": Decimal("2.50")}]


def test_parameters_are_given_by_place_and_by_name(snapshot: Path) -> None:
    assert query(snapshot, "SELECT ? + 1", [41]).rows == [(42,)]
    assert query(snapshot, "SELECT $n + 1", {"n": 41}).rows == [(42,)]


def test_tables_and_columns_explain_themselves(snapshot: Path) -> None:
    described = "SELECT comment FROM duckdb_columns() WHERE table_name = 'model_calls' AND column_name = 'cost_nanousd'"
    assert "Billionths of a US dollar" in query(snapshot, described).rows[0][0]
    bare = query(snapshot, "SELECT table_name FROM duckdb_tables() WHERE comment IS NULL").rows
    assert bare == []


def test_before_the_first_snapshot_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoSnapshot, match="Start `millrace projector`"):
        query(tmp_path / "none.duckdb", "SELECT 1")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd").write_text("no database" * 100, encoding="utf-8")
    with pytest.raises(QueryFailed, match=r"odd cannot be opened.*Is it a snapshot"):
        query(tmp_path / "odd", "SELECT 1")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM runs",
        "CREATE TABLE mine (a INTEGER)",
        "UPDATE prices SET input_usd = 0",
        "DROP TABLE events",
        "CHECKPOINT",
        "COPY runs TO 'out.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "ATTACH 'other.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '64GB'",
        "PRAGMA database_size; EXPORT DATABASE 'here'",
    ],
)
def test_nothing_but_the_snapshot_can_be_reached(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = snapshot.read_bytes()
    try:
        query(snapshot, sql)
    except QueryFailed as refused:
        assert str(refused)
    else:
        assert sql == "CHECKPOINT", f"{sql} was allowed"  # of a file opened for reading: nothing to do
    assert snapshot.read_bytes() == before
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_says_why(snapshot: Path) -> None:
    with pytest.raises(QueryFailed, match="the projector alone writes"):
        query(snapshot, "DELETE FROM runs")
    with pytest.raises(QueryFailed, match="no files, no network"):
        query(snapshot, "SELECT * FROM read_text('/etc/passwd')")
    with pytest.raises(QueryFailed, match="DESCRIBE"):
        query(snapshot, "SELECT nope FROM runs")
    with pytest.raises(QueryFailed, match="empty"):
        query(snapshot, "  ")
    with pytest.raises(QueryFailed, match="syntax error"):
        query(snapshot, "SELEKT 1")


def test_a_query_that_takes_too_long_is_stopped(snapshot: Path) -> None:
    began = time.monotonic()
    with pytest.raises(QueryFailed, match=r"stopped after 0.2 s"):
        query(snapshot, "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b", time_limit=0.2)
    assert time.monotonic() - began < 5


def test_a_query_that_needs_too_much_memory_is_refused(snapshot: Path) -> None:
    with pytest.raises(QueryFailed, match="more memory than it may have"):
        query(snapshot, "SELECT list(range) FROM range(30000000)", memory_limit="40MB")


def test_the_modules_that_the_console_imports_do_not_import_duckdb() -> None:
    code = "import projections.query, projections.runs, projections.lines, sys; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
