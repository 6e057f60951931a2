"""Short chaos on Apache Kafka: kills, pauses, a restart of the broker."""

import json
import subprocess
from pathlib import Path

import pytest

from tests import brokers
from tests.house.tree import ROOT


@pytest.mark.timeout(600)
def test_runs_survive_five_kills_and_a_restart_of_the_broker(unmeasured: dict[str, str], tmp_path: Path) -> None:
    if reason := brokers.unavailable("kafka"):
        pytest.skip(reason)
    command = [ROOT / "scripts/chaos", "--runs", "300", "--minutes", "0.4", "--seed", "7", "--json", "--keep", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580, env=unmeasured)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    found = json.loads(done.stdout)
    assert found["accepted"] == 300 and found["killed"] == 5
    assert found["lost"] == found["twice"] == found["again"] == 0
    assert found["completed"] + found["failed_by_policy"] == 300
