"""The whole loop under simulation: what must always hold, holds; one seed is one history; broken rules are found."""

import json
import os
import subprocess
from typing import Any

import pytest

from tests.house.tree import ROOT
from tests.simulation.main import SMALL, found
from tests.simulation.mutants import MUTANTS
from tests.simulation.search import histories, story_of
from tests.simulation.world import Plan


def simulate(*arguments: str) -> Any:
    """`scripts/simulate` as anyone runs it, not slowed down by the measuring of coverage."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [ROOT / "scripts" / "simulate", "--json", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    return json.loads(done.stdout)


@pytest.mark.timeout(300)
def test_twenty_thousand_runs_hold_through_everything():
    figures = simulate("--runs", "20000", "--jobs", "2")
    print(f"{figures['runs_per_second_and_core']:,} runs a second and core")
    assert figures["runs"] >= 20_000
    assert min(figures[name] for name in ("void", "StepReleased", "OutcomeIgnored", "CommandForwarded")) > 0
    assert figures["prefixes compared"] > 100


@pytest.mark.timeout(300)
@pytest.mark.parametrize("rule", (3, 4, 6, 7, 11, 17, 18, 19))
def test_a_broken_rule_is_found(rule: int):
    planted = next(mutant for mutant in MUTANTS if mutant.rule == rule)
    hit = found(planted, Plan(SMALL), 0)
    assert hit is not None
    print(f"{planted.what}: after {hit[0]} histories: {hit[1].violations[0]}")


def test_live_state_is_the_replayed_one_at_every_prefix():
    for history, _ in zip(histories(3, Plan(runs=15, every_prefix=True)), range(4), strict=False):
        assert history.violations == []
        assert history.counts["prefixes compared"] > 50


def test_a_seed_is_one_history():
    one, other = (story_of(5, Plan(runs=15)) for _ in range(2))
    assert one.trace == other.trace
    assert one.trace != story_of(6, Plan(runs=15)).trace


def test_a_violation_is_told_with_its_story():
    planted = next(mutant for mutant in MUTANTS if mutant.rule == 3)
    history = story_of(0, Plan(), planted)
    assert "by a schedule that is not valid" in history.violations[0]
    assert any("PartitionClaimed" in line for line in history.trace)
