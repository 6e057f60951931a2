import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import brokers
from tests.house.tree import ROOT

MILLRACE = Path(sys.executable).parent / "millrace"
PUBLISH = ROOT / "examples" / "publish_from_anywhere" / "python" / "publish.py"


class Stack:
    """A running `docker compose up`, and the address of its Kafka on this machine."""

    def __init__(self, port: int) -> None:
        self.broker = f"127.0.0.1:{port}"
        self.environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": f"millrace-test-{uuid.uuid4().hex[:8]}",
            "KAFKA_PORT": str(port),
            "MILLRACE_MODELS": "scripted",
            "MILLRACE_REPLIES": "/workflows/replies.yaml",
        }

    def compose(self, *command: str) -> str:
        return self.run("docker", "compose", *command)

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=290,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{command} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def query(self, sql: str) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = json.loads(
            self.compose("exec", "-T", "projector", "millrace", "query", "--json", sql)
        )
        return rows


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    if reason := brokers.unavailable("docker"):
        pytest.skip(reason)
    stack = Stack(brokers.free_port())
    try:
        stack.compose("up", "--build", "--detach", "--wait", "--quiet-pull")
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "15")


def awaited(condition: Callable[[], object], seconds: float, otherwise: Callable[[], str]) -> object:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.5)
    return found


@pytest.mark.timeout(400)
def test_a_start_event_from_a_plain_client_becomes_a_finished_run_in_duckdb(stack: Stack) -> None:
    stack.run(MILLRACE, "--broker", stack.broker, "publish", ROOT / "examples" / "hello.yaml")
    run_id = stack.run(sys.executable, PUBLISH, stack.broker, "Ada").strip()
    rows = awaited(
        lambda: [
            row
            for row in stack.query(f"select status from runs where run_id = '{run_id}'")
            if row["status"] != "running"
        ],
        60,
        lambda: stack.compose("logs", "--tail", "60", "worker", "projector"),
    )
    assert rows == [{"status": "succeeded"}]


@pytest.mark.timeout(400)
def test_runs_and_their_numbers_outlive_the_containers(stack: Stack) -> None:
    before = stack.query("select run_id, status from runs order by run_id")
    assert before
    stack.compose("down", "--timeout", "15")
    stack.compose("up", "--detach", "--wait")
    after = awaited(
        lambda: stack.query("select run_id, status from runs order by run_id"),
        60,
        lambda: stack.compose("logs", "--tail", "60", "worker", "projector"),
    )
    assert after == before
