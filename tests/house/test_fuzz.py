"""scripts/fuzz: some of it in each build, and that it would find what is wrong."""

import json
import subprocess
import sys

import pytest

from tests.house.tree import ROOT

MODULES = [path.stem for path in (ROOT / "scripts" / "fuzz.d").glob("*.py")]


def fuzzed(*arguments: str, **options: object) -> list[dict[str, object]]:
    done = subprocess.run(
        ["scripts/fuzz", "--json", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=110, **options
    )  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("door", ["commands", "outcomes", "definitions", "schemas", "workers", "events"])
def test_nothing_that_comes_to_a_door_raises_or_vanishes(door: str, unmeasured: dict[str, str]) -> None:
    (result,) = fuzzed("--records", "3400", "--door", door, env=unmeasured)
    told = (result["door"], result["records"], result["vanished"], result["failure"])
    assert told == (door, 3400, 0, ""), result


def test_nor_through_a_worker_on_a_broker(unmeasured: dict[str, str]) -> None:
    (result,) = fuzzed("--broker", "embedded", "--records", "500", env=unmeasured)
    assert result["vanished"] == 0 and not result["failure"], result


@pytest.mark.parametrize(
    ("door", "place", "fault", "words"),
    [
        ("commands", "workflow.children.checked_inputs", None, "a run was set aside"),
        ("definitions", "streams.catalogue.is_version", str.isdigit, "invalid literal"),
        ("workers", "streams.beats.Undecodable", ZeroDivisionError, "Undecodable"),
        ("events", "workflow.partition.Partition.set_aside", None, "TypeError"),
    ],
)
def test_a_planted_fault_is_found_and_made_small(
    door: str, place: str, fault: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "fuzz.d"))
    from pure import fuzz

    monkeypatch.setattr("smaller.WITHIN", 5.0)
    monkeypatch.setattr(place, fault)
    result = fuzz(door, 6_000, 1, lambda _: None)
    assert words in result.failure and "the smallest that fails (again):\n  1. " in result.failure, result
    for name in MODULES:
        sys.modules.pop(name, None)
