"""What the tests of several files here need."""

from pathlib import Path

import pytest

from streams.archive_directory import DirectoryStore
from streams.archive_manifest import Manifest
from tests.archived import PARTITIONS


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """An archive that was begun, as dev begins it."""
    made = DirectoryStore(tmp_path)
    Manifest(PARTITIONS).write(made)
    return made
