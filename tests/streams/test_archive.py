"""The archive: what was written is read back, whatever died; a restored broker holds what the old one held."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.topics import EVENTS
from streams.archive import ArchiveGap, EventArchive
from streams.archive_directory import DirectoryStore
from streams.archive_files import read
from streams.archive_lock import Locked
from tests.archived import pairs


def test_events_that_are_there_are_passed_over_and_gaps_are_refused(tmp_path: Path) -> None:
    archive = EventArchive(tmp_path)
    archive.append(1, 0, pairs(0, 5))
    archive.append(1, 0, pairs(0, 5))
    archive.append(1, 3, pairs(3, 4))
    assert archive.next_offset(1) == 7
    with pytest.raises(ArchiveGap, match="ends at offset 7, and 8 is to be written"):
        archive.append(1, 8, pairs(8, 1))
    archive.close()
    found = list(read(DirectoryStore(tmp_path), EVENTS.name, 1))
    assert [(r.offset, r.key, r.value) for r in found] == [(n, *pair) for n, pair in enumerate(pairs(0, 7))]


def test_what_was_appended_survives_the_death_of_the_process(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from streams.archive import EventArchive
archive = EventArchive(Path(sys.argv[1]))
for offset in range(archive.next_offset(0), 1 << 40):
    archive.append(0, offset, [(b"run", b"x" * 200)])
    print(offset, flush=True)
"""
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(50)]
        writer.send_signal(signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().splitlines() if line]
        writer.wait()
        writer.stdout.close()
        archive = EventArchive(tmp_path)
        assert archive.next_offset(0) >= told[-1] + 1
        archive.close()


def test_two_processes_do_not_write_one_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.archive_topic.LOCK_WITHIN", 0.05)
    archive = EventArchive(tmp_path)
    with pytest.raises(Locked, match=f"in use by process {os.getpid()}"):
        EventArchive(tmp_path)
    archive.close()
    EventArchive(tmp_path).close()


def test_appended_events_reach_the_disk_within_the_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append(fd), sync(fd)))
    archive = EventArchive(tmp_path, sync_every=0.01)
    archive.append(0, 0, pairs(0, 1))
    for _ in range(200):
        if synced:
            break
        asyncio.run(asyncio.sleep(0.01))
    assert synced
    archive.close()
