"""However the log is cut into batches, and however often the projector starts again, the tables are the same."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.rebuild import differences
from projections.store import Store
from tests.projections.histories import Story, project

TOPIC = "workflow.events"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


def test_two_databases_of_one_log_do_not_differ(tmp_path: Path) -> None:
    records = Story(1).log.records()
    for name in ("a", "b"):
        with Store(tmp_path / name, TOPIC) as store:
            project(store, records)
    assert differences(tmp_path / "a", tmp_path / "b") == []


def test_a_missing_record_is_a_difference(tmp_path: Path) -> None:
    records = Story(1).log.records()
    for name, part in (("a", records), ("b", records[:-1])):
        with Store(tmp_path / name, TOPIC) as store:
            project(store, part)
    found = differences(tmp_path / "a", tmp_path / "b")
    assert any(line.startswith("table events: 1 rows are only in a") for line in found)
    assert any(line.startswith("table positions") for line in found)


@given(seed=st.integers(0, 2**32), cuts=st.integers(0, 2**32))
@settings(max_examples=12, deadline=None)
def test_any_batches_and_restarts_give_the_tables_of_one_pass(folder: Path, seed: int, cuts: int) -> None:
    records = Story(seed, 60).log.records()
    whole, pieces = folder / f"{seed}-whole", folder / f"{seed}-{cuts}-pieces"
    for path in (whole, pieces):
        path.unlink(missing_ok=True)
    with Store(whole, TOPIC) as store:
        project(store, records)
    dice = random.Random(cuts)
    for part in _interleaved(records, dice):
        with Store(pieces, TOPIC) as store:
            project(store, part, at_once=dice.randint(3, 40))
    assert differences(whole, pieces) == []


def _interleaved(records: list, dice: random.Random) -> list[list]:
    """The partitions' records mixed (each in its order), cut into a few lifetimes, each beginning a little early."""
    queues = [[r for r in records if r.partition == number] for number in range(2)]
    mixed = []
    while any(queues):
        queue = dice.choice([q for q in queues if q])
        mixed.append(queue.pop(0))
    cuts = sorted(dice.randint(0, len(mixed)) for _ in range(3))
    starts = [0, *(max(0, cut - dice.randint(0, 5)) for cut in cuts)]
    return [mixed[start:end] for start, end in zip(starts, [*cuts, len(mixed)], strict=True)]


KILLED = """
import sys
from pathlib import Path
from projections.store import Store
from tests.projections.histories import Story, project
records = Story(7, 4000).log.records()
with Store(Path(sys.argv[1]), "workflow.events") as store:
    project(store, records, at_once=20, said=True)
"""


def test_a_projector_killed_at_any_moment_goes_on_where_its_transactions_ended(tmp_path: Path) -> None:
    records = Story(7, 4000).log.records()
    with Store(tmp_path / "whole", TOPIC) as store:
        project(store, records)
    reached = [0]
    for batches, moment in ((2, 0.0), (9, 0.003), (30, 0.007)):
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "killed")], stdout=subprocess.PIPE)
        assert child.stdout is not None
        for _ in range(batches + reached[-1] // 20):
            assert child.stdout.readline()
        time.sleep(moment)
        assert child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.communicate()
        with Store(tmp_path / "killed", TOPIC) as store:
            reached.append(sum(position.next_offset for position in store.positions().values()))
    assert sorted(reached) == reached
    assert 0 < reached[1] < reached[-1] < len(records)
    with Store(tmp_path / "killed", TOPIC) as store:
        project(store, records)
    assert differences(tmp_path / "whole", tmp_path / "killed") == []
