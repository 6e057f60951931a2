"""Snapshots: whole, in time, and without harm to the file that is written."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from projections import snapshot as module
from projections.query import query
from projections.snapshot import CopyFailed, Snapshots
from projections.store import Store
from tests.projections.histories import Story, project

COUNT = "SELECT count(*) FROM events"
OPEN = "import sys; from pathlib import Path; from projections.store import Store; Store(Path(sys.argv[1]), 't')"


async def test_every_snapshot_is_the_state_at_its_checkpoint_while_writing_goes_on(
    store: Store, tmp_path: Path
) -> None:
    records = Story(2, 900).log.records()
    snapshots = Snapshots(store, tmp_path / "snapshot", 0.0)
    sizes = []
    for start in range(0, len(records), 100):
        project(store, records[: start + 100])
        snapshots.changed()
        await snapshots.publish_if_due()
        await asyncio.sleep(0.02)
        if (tmp_path / "snapshot").exists():
            sizes.append(query(tmp_path / "snapshot", COUNT).rows[0][0])
            assert query(tmp_path / "snapshot", "SELECT sum(next_offset) FROM positions").rows == [(sizes[-1],)]
    await snapshots.finish()
    assert query(tmp_path / "snapshot", COUNT).rows == [(len(records),)]
    assert sizes == sorted(sizes) and len(set(sizes)) > 1
    assert not (tmp_path / "snapshot.new").exists()


async def test_the_lock_of_the_live_file_survives_its_snapshots(store: Store, tmp_path: Path) -> None:
    await Snapshots(store, tmp_path / "snapshot", 0.0).finish()
    told = subprocess.run([sys.executable, "-c", OPEN, str(store.path)], capture_output=True, text=True)
    assert "StoreBusy" in told.stderr


async def test_nothing_is_copied_when_nothing_changed_or_the_time_has_not_come(store: Store, tmp_path: Path) -> None:
    snapshots = Snapshots(store, tmp_path / "snapshot", 3600.0)
    await snapshots.finish()
    first = (tmp_path / "snapshot").stat().st_ino
    await snapshots.finish()
    assert (tmp_path / "snapshot").stat().st_ino == first
    snapshots.changed()
    await snapshots.publish_if_due()
    assert not snapshots.copying
    assert (tmp_path / "snapshot").stat().st_ino == first


async def test_a_slow_copy_makes_the_next_one_wait(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = []

    async def slowly(source: Path, target: Path) -> None:
        copies.append(source)
        await asyncio.sleep(0.1)
        target.write_bytes(b"")

    monkeypatch.setattr(module, "_copy", slowly)
    snapshots = Snapshots(store, tmp_path / "snapshot", 0.0)
    for _ in range(20):
        snapshots.changed()
        await snapshots.publish_if_due()
        await asyncio.sleep(0.02)
    assert len(copies) == 1  # 20 × 0.1 s have not passed
    assert snapshots.took >= 0.1


async def test_readers_keep_their_moment_when_a_newer_snapshot_comes(store: Store, tmp_path: Path) -> None:
    from projections.query import ask, opened

    path = tmp_path / "snapshot"
    snapshots = Snapshots(store, path, 0.0)
    await snapshots.finish()
    with opened(path) as connection:
        project(store, Story(2, 60).log.records())
        snapshots.changed()
        await snapshots.finish()
        assert ask(connection, COUNT).rows == [(0,)]
    assert query(path, COUNT).rows[0][0] > 0


async def test_a_system_whose_cp_knows_no_reflink_copies_all_the_same(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "cp").write_text("#!/bin/sh\necho 'cp: illegal option' >&2\nexit 64\n", encoding="utf-8")
    (programs / "cp").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    await Snapshots(store, tmp_path / "snapshot", 0.0).finish()
    assert query(tmp_path / "snapshot", COUNT).rows == [(0,)]
    (programs / "cp").unlink()
    await Snapshots(store, tmp_path / "second", 0.0).finish()
    assert query(tmp_path / "second", COUNT).rows == [(0,)]


async def test_a_copy_that_fails_is_told_and_the_old_snapshot_stays(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    snapshots = Snapshots(store, path, 0.0)
    await snapshots.finish()
    before = path.read_bytes()
    (tmp_path / "snapshot.new").mkdir()
    snapshots.changed()
    with pytest.raises((CopyFailed, OSError)):
        await snapshots.finish()
    assert path.read_bytes() == before


async def test_the_reason_of_a_failed_copy_is_in_the_message(store: Store, tmp_path: Path) -> None:
    with pytest.raises(CopyFailed, match=r"could not be copied.*room on the disk"):
        await module._copy(store.path, tmp_path / "no" / "such" / "folder")


async def test_an_abandoned_copy_replaces_nothing(store: Store, tmp_path: Path) -> None:
    snapshots = Snapshots(store, tmp_path / "snapshot", 0.0)
    await snapshots.publish_if_due()
    assert snapshots.copying
    await snapshots.abandon()
    await asyncio.sleep(0.05)
    assert not (tmp_path / "snapshot").exists()
