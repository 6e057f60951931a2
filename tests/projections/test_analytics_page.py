"""docs/analytics.md: every statement runs, every table and column that it names is there, none is left out."""

import re
from pathlib import Path

import pytest

from projections.query import query
from projections.store import Store
from tests.projections.histories import Story, project

PAGE = (Path(__file__).parents[2] / "docs" / "analytics.md").read_text(encoding="utf-8")
STATEMENTS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) + re.findall(r'millrace query (?:--\S+ )?"(.*?)"', PAGE)
TABLES = re.findall(r"^\| `(\w+)` \|[^|]*\| (.*) \|$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "snapshot.duckdb"
    with Store(path, "workflow.events") as store:
        project(store, Story(21, 600).log.records())
    return path


@pytest.mark.parametrize("sql", STATEMENTS)
def test_every_statement_on_the_page_runs(snapshot: Path, sql: str) -> None:
    result = query(snapshot, sql)
    assert result.columns
    if "INTERVAL 1 HOUR" not in sql:
        assert result.rows


def test_the_totals_on_the_page_are_one_number(snapshot: Path) -> None:
    (sql,) = (sql for sql in STATEMENTS if "by_model" in sql and "by_run" in sql)
    (totals,) = query(snapshot, sql).rows
    assert len(set(totals)) == 1 and totals[0] > 0


def test_every_table_and_view_is_on_the_page(snapshot: Path) -> None:
    known = query(
        snapshot,
        "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal",
    ).rows
    assert {name for name, _ in TABLES} == {name for (name,) in known}


@pytest.mark.parametrize(("table", "columns"), TABLES, ids=[name for name, _ in TABLES])
def test_every_column_on_the_page_exists(snapshot: Path, table: str, columns: str) -> None:
    there = {name for (name,) in query(snapshot, f"SELECT column_name FROM (DESCRIBE {table})").rows}
    tables = {name for name, _ in TABLES}
    named = {name for name in re.findall(r"`(\w+)`", columns) if name not in tables}
    assert named <= there, named - there
