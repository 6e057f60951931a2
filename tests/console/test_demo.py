"""`millrace demo`: what a stranger sees first."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console import demo
from console.failure import Failure

#: The promise is 15 s on a machine that does nothing else; tests share theirs.
WITHIN = 120.0


def test_the_demo_shows_a_run_and_its_cost_and_leaves_nothing(tmp_path: Path) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "console", "demo"],
        cwd=Path(demo.__file__).parents[1],
        env=os.environ | {"TMPDIR": str(tmp_path), "MILLRACE_BROKER": "127.0.0.1:1", "MILLRACE_PARTITIONS": "5"},
        capture_output=True,
        text=True,
        timeout=WITHIN,
    )
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert took < WITHIN / 2
    said = done.stdout
    assert "a plain Kafka client publishes a start event as JSON" in said
    run_id = re.search(r"\$ millrace show (hello-\w+)", said)
    assert run_id is not None
    assert re.search(rf"^{run_id[1]}  hello@1  succeeded", said, re.MULTILINE)
    assert re.search(r"✓ draft +model claude-haiku-4-5", said)
    assert re.search(r"✓ verse +model gemini-2.5-flash.* 2 ", said), "the second model answered after an overload"
    assert "The wheel turns, Ada" in said
    assert re.search(r"^google +gemini-2.5-flash +3 ", said, re.MULTILINE)
    assert "3 runs went to their end" in said
    assert not [entry.name for entry in tmp_path.iterdir() if entry.name.startswith("millrace")]
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in left


def test_without_examples_the_demo_says_where_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "__file__", str(tmp_path / "console" / "demo.py"))
    with pytest.raises(Failure, match="examples, which the demo runs, are not here"):
        demo._examples()


async def test_a_command_that_fails_is_told_with_what_it_said() -> None:
    with pytest.raises(Failure, match="exit code 3") as caught:
        await demo._run({}, sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)")
    assert caught.value.cause == "why"
