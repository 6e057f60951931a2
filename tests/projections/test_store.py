"""The file: one writer, whole transactions, and no continuing of what is not its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from projections.changes import Table
from projections.query import query
from projections.store import Store, StoreBusy, StoreStale
from projections.tables import EVENTS, KEYED, REFUSALS, SIGNALS
from tests.projections.histories import Log, Owner, Story, project

OPEN = "import sys; from pathlib import Path; from projections.store import Store; Store(Path(sys.argv[1]), 't')"


def test_a_second_process_is_told_who_has_the_file(store: Store) -> None:
    told = subprocess.run([sys.executable, "-c", OPEN, str(store.path)], capture_output=True, text=True)
    assert told.returncode == 1
    assert "StoreBusy: The database" in told.stderr
    assert "is in use by another process" in told.stderr


def test_a_file_of_another_topic_is_not_continued(store: Store) -> None:
    store.close()
    with pytest.raises(StoreStale, match=r"made from the topic workflow\.events, not from other\.events"):
        Store(store.path, "other.events")


def test_a_file_of_another_version_is_not_continued(store: Store) -> None:
    store._run("UPDATE layout SET version = 999")
    store.close()
    with pytest.raises(StoreStale, match=r"it has layout 999.*remove the file and millrace\.duckdb\.wal"):
        Store(store.path, "workflow.events")


def test_a_damaged_file_can_be_built_anew(tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(b"\x00" * 5000)
    with pytest.raises(StoreStale, match="it cannot be opened"):
        Store(path, "workflow.events")
    assert StoreBusy is not StoreStale


def test_a_batch_that_cannot_be_written_leaves_nothing_of_itself(store: Store) -> None:
    log = Log(1)
    Owner(log, 0, "w1").claim().start("run-1")
    intake = project(store, log.records()[:1])
    batch = intake.take(log.records())
    batch.refusals.append(("no", "row", "of", "this", "table"))
    with pytest.raises(Exception, match=r"(?i)column|convert|conversion|value"):
        store.apply(batch)
    assert store.positions()[0].next_offset == 1
    project(store, log.records())
    store.close()
    assert query(store.path, "SELECT run_id, status FROM runs").rows == [("run-1", "running")]


def test_every_column_has_a_rule_and_every_rule_a_column(store: Store) -> None:
    rows = store._run(
        "SELECT table_name, column_name FROM duckdb_columns() JOIN duckdb_tables() USING (database_name, table_name) "
        "WHERE NOT temporary AND table_name NOT IN ('layout', 'prices') ORDER BY table_name, column_index"
    ).fetchall()
    stored: dict[str, list[str]] = {}
    for table, column in rows:
        stored.setdefault(table, []).append(column)
    computed = {"status", "ended_at", "error_class", "error_message"}
    for table in KEYED:
        told = set(table.columns)
        assert told <= set(stored[table.name])
        assert set(stored[table.name]) - told <= computed, table.name
    assert {EVENTS, REFUSALS, SIGNALS} | {table.name for table in KEYED} == set(stored)


def test_statements_name_only_what_changes() -> None:
    positions = next(table for table in KEYED if table.name == "positions")
    assert positions.merge(["n"]) == (
        "MERGE INTO positions USING staged_positions AS staged ON positions.partition = staged.partition "
        "WHEN MATCHED THEN UPDATE SET n = coalesce(staged.n, positions.n) "
        "WHEN NOT MATCHED THEN INSERT (partition, n) VALUES (staged.partition, staged.n)"
    )
    assert "WHEN MATCHED" not in Table("t", ("a",), {}, once=True).merge([])


def test_text_and_json_of_every_kind_survive(store: Store) -> None:
    from schemas import events as e

    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    odd = "nul \0, emoji 🛞, quote ' \" \\, newline \n, right-to-left \u202e"
    owner.start("run-1", odd, inputs=b'{"a": "\\u0000", "b": ' + b"[" * 900 + b"]" * 900 + b"}")
    owner.write(e.RunFailed, "run-1", error_class=odd, message=odd * 1000)
    project(store, log.records())
    store.close()
    rows = query(store.path, "SELECT workflow, error_message, json_type(inputs->'b') FROM runs").rows
    assert rows == [(odd, odd * 1000, "ARRAY")]


def test_the_wal_is_brought_in_by_a_checkpoint_alone(store: Store) -> None:
    project(store, Story(3, 60).log.records())
    assert store.wal_size > 0
    store.checkpoint()
    assert store.wal_size == 0
