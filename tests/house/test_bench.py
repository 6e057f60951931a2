"""scripts/bench runs as docs/performance.md shows it; nothing here is about how fast."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.house.tree import ROOT, text


@pytest.mark.timeout(300)
def test_the_bench_measures_model_steps(unmeasured: dict[str, str]) -> None:
    command = ["scripts/bench", "--models", "--quick"]
    assert " ".join(command) in text(Path("docs/performance.md"))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=290, env=unmeasured)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for provider in ("claude", "gemini"):
        assert found[f"{provider}_step_ms_p50"] > 0
        assert found[f"{provider}_many_step_s"] > 0.2
        assert found[f"{provider}_kib_in_flight_over_bare"] < 100


@pytest.mark.timeout(300)
def test_the_bench_measures_every_workload(unmeasured: dict[str, str]) -> None:
    command = ["scripts/bench", "--quick", "--broker", "embedded", "--json"]
    assert " ".join(command) in text(Path("docs/performance.md"))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, env=unmeasured)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["core"]["decide_us_per_step"] > 0
    assert found["embedded"]["w1_to_raw_ack"] > 1
    assert found["embedded"]["w2_steps_per_s"] > 0 and found["embedded"]["w3_ms_p50"] > 0
    restart = found["embedded"]["restart"]
    assert restart["lost"] == restart["twice"] == 0 and min(restart["killed_s"], restart["undisturbed_s"]) > 0
    recovery = found["embedded"]["recovery"]
    assert recovery["records"] >= 20_000 and recovery["with_marks_records"] < recovery["records"]
    assert recovery["fold_alone_records_per_s"] > 0
    assert set(found["embedded"]["w2_cpu_us_per_step"]) == {"worker", "tool_host", "broker"}
