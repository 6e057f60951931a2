"""What the tests of projections share: a store, and the snapshot of one story."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from projections.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database."""
    with Store(tmp_path / "millrace.duckdb", "workflow.events") as opened:
        yield opened
