"""The commands against a real worker and projector, as processes of their own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from schemas.events import StepScheduled
from streams.client import Client
from tests.brokers import Broker

Millrace = Callable[..., Any]
ROOT = Path(__file__).parent.parent.parent
TOOLBOX = ROOT / "tests" / "toolbox"

HELLO = """
name: hello
inputs: {name: string, times: {type: integer, default: 1}}
steps:
  - {id: draft, model: claude-haiku-4-5, prompt: "Greet {{ inputs.name }}", max_tokens: 100}
  - {id: twice, tool: t.echo, with: {value: "{{ steps.draft.output }}"}}
outputs: {text: "{{ steps.twice.output }}", times: "{{ inputs.times }}"}
"""
BROKEN = "name: broken\nsteps:\n  - {id: a, tool: t.nowhere, retry: {attempts: 1}}\n"
PATIENT = "name: patient\nsteps:\n  - {id: a, wait: {for: 1h}}\n"
ASKING = """
name: asking
steps:
  - {id: paid, wait: {signal: paid}, timeout: 1h}
  - {id: ok, approve: {by: [finance, ada], prompt: "Refund?", value: {sum: "{{ steps.paid.output.sum }}"}}, timeout: 1h}
outputs: {approved: "{{ steps.ok.output.approved }}", sum: "{{ steps.ok.output.value.sum }}"}
"""
DOUBTFUL = "name: doubtful\nsteps:\n  - {id: pay, tool: t.dies, on_unknown: ask}\n"
SLOW = "name: slow\nsteps:\n  - {id: a, tool: t.slow, with: {seconds: 30}}\n"

pytestmark = pytest.mark.brokers("embedded")


def settings(broker: Broker, prefix: str, folder: Path) -> dict[str, str]:
    return {
        "MILLRACE_BROKER": broker.bootstrap,
        "MILLRACE_TOPIC_PREFIX": prefix,
        "MILLRACE_APP": f"{prefix}app",
        "MILLRACE_PARTITIONS": "4",
        "MILLRACE_SESSION": "1",
        "MILLRACE_MODELS": "scripted",
        "MILLRACE_TOOLS_PATH": str(TOOLBOX),
        "MILLRACE_DATA_DIR": str(folder),
        "MILLRACE_SNAPSHOT_INTERVAL": "0.2",
        "MILLRACE_LOG_FORMAT": "json",
    }


@contextmanager
def process(command: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`millrace COMMAND` until the end of the block, ended by SIGTERM."""
    with log.open("ab") as lines:
        started = subprocess.Popen(
            [sys.executable, "-m", "console", command],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=lines,
            stderr=lines,
        )
    try:
        yield started
    finally:
        if started.poll() is None:
            started.terminate()
            try:
                started.wait(20)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def until(what: Callable[[], Any], within: float = 20.0) -> Any:
    """What it gives as soon as that is something."""
    end = time.monotonic() + within
    while not (found := what()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return found


@pytest.fixture
def mill(broker: Broker, topic_prefix: str, millrace: Millrace, tmp_path: Path, monkeypatch: Any) -> Iterator[Millrace]:
    """The command line, with a worker and a projector at work."""
    environment = settings(broker, topic_prefix, tmp_path / "data")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    flows = {"hello": HELLO, "broken": BROKEN, "patient": PATIENT, "slow": SLOW, "asking": ASKING, "doubtful": DOUBTFUL}
    for name, text in flows.items():
        Path(f"{name}.yaml").write_text(text, encoding="utf-8")
    log = tmp_path / "worker.log"
    with process("worker", environment, log) as worker, process("projector", environment, tmp_path / "projector.log"):
        until(lambda: log.read_text(encoding="utf-8").count('"owned"') == 4)
        yield millrace
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0, log.read_text(encoding="utf-8")
    assert "worker stopped" in log.read_text(encoding="utf-8")


def test_a_run_from_its_file_to_its_row(mill: Millrace) -> None:
    said = mill("publish", "hello.yaml", "--alias", "production")
    assert (said.code, said.out) == (0, "published hello@1 (latest, production)\n")
    assert mill("publish", "hello.yaml").out == "hello@1 is this very definition: nothing to do\n"
    said = mill("start", "hello@production", "-i", "name=Ada", "-i", "times=2", "--label", "who=me", "--wait")
    assert said.code == 0, said.err
    run_id, first, *_ = said.out.splitlines()
    assert run_id.startswith("hello-") and first.endswith(f"{run_id} started: hello@1")
    assert "draft: succeeded in " in said.out and "outputs  {" in said.out and "who=me" in said.out

    whole = until(lambda: json.loads(mill("show", run_id, "--json").out or "{}"))
    assert until(lambda: json.loads(mill("show", run_id, "--json").out)["run"]["status"] == "succeeded")
    assert whole["run"]["run_id"] == run_id
    assert "hello@1  succeeded" in mill("show", run_id).out
    assert run_id in mill("runs", "--status", "succeeded").out
    rows = json.loads(mill("query", "select model, calls, usd > 0 as paid from cost_by_model", "--json").out)
    assert rows == [{"model": "claude-haiku-4-5", "calls": 1, "paid": True}]

    events = [json.loads(line) for line in mill("watch", run_id, "--json").out.splitlines()]
    assert [event["event"] for event in events][:2] == ["RunStarted", "StepScheduled"]
    assert events[-1]["outputs"]["times"] == 2


def test_what_does_not_go_well_has_its_code_and_its_reason(mill: Millrace) -> None:
    said = mill("start", "broken.yaml", "--wait")
    assert said.code == 1 and "t.nowhere" in said.out and "failed at a" in said.out
    told = json.loads(mill("start", "broken.yaml", "--wait", "--json").out)
    assert told["status"] == "failed" and told["workflow"] == "broken@1" and told["error"]["path"] == "a"

    assert mill("publish", "hello.yaml").code == 0
    said = mill("start", "hello")
    assert said.code == 1 and '"name" is a required property' in said.err and said.out == ""
    said = mill("start", "helo", "-i", "name=x")
    assert said.code == 1 and "remedy: did you mean hello?" in said.err
    said = mill("start", "hello@9", "-i", "name=x")
    assert said.code == 1 and "hello has 1, latest" in said.err
    said = mill("watch", "hello-0000000000")
    assert said.code == 1 and "the log knows no run hello-0000000000" in said.err


def test_a_run_is_waited_for_in_time_and_cancelled(mill: Millrace) -> None:
    said = mill("start", "patient.yaml", "--run-id", "mine", "--wait", "--timeout", "1")
    assert said.code == 1 and said.err.startswith("error: mine is running after 1 s")
    said = mill("start", "patient", "--run-id", "mine", "--wait")
    assert said.code == 1 and "run mine is under way" in said.err
    refused = json.loads(mill("start", "patient", "--run-id", "mine", "--wait", "--json").out)
    assert refused["status"] == "refused" and "run_exists" in refused["notes"][0]

    timer = threading.Timer(1.0, lambda: cancelled.append(cancel("mine", "--reason", "enough")))
    cancelled: list[subprocess.CompletedProcess[str]] = []
    timer.start()
    said = mill("watch", "mine")
    timer.join()
    assert said.code == 1 and "cancelled  enough" in said.out
    assert (cancelled[0].returncode, cancelled[0].stdout) == (0, "mine is cancelled\n")
    said = mill("cancel", "mine")
    assert said.code == 1 and "run mine ended already" in said.err and "run_ended" in said.err


def cancel(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as this one is watching."""
    command = [sys.executable, "-m", "console", "cancel", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_a_second_signal_ends_a_worker_at_once(
    broker: Broker, topic_prefix: str, tmp_path: Path, millrace: Millrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = settings(broker, topic_prefix, tmp_path / "data")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    Path("slow.yaml").write_text(SLOW, encoding="utf-8")
    log = tmp_path / "worker.log"
    with process("worker", environment, log) as worker:
        until(lambda: log.read_text(encoding="utf-8").count('"owned"') == 4)
        run_id = millrace("start", "slow.yaml").out.strip()
        assert begun(broker, topic_prefix, run_id)
        worker.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert worker.poll() is None, "it did not let the step finish"
        worker.send_signal(signal.SIGINT)
        assert worker.wait(5) == 130
    assert "ended at once" in log.read_text(encoding="utf-8")


def begun(broker: Broker, prefix: str, run_id: str) -> bool:
    """Whether the run's first step is with a worker."""

    async def look() -> bool:
        async with Client(broker.bootstrap, prefix) as client, aclosing(client.follow(run_id)) as events:
            async for event in events:
                if isinstance(event, StepScheduled):
                    return True
        return False

    return asyncio.run(look())


def test_a_worker_without_a_broker_ends_with_3(tmp_path: Path, unused_tcp_port: int) -> None:
    log = tmp_path / "worker.log"
    with process("worker", {"MILLRACE_BROKER": f"127.0.0.1:{unused_tcp_port}"}, log) as worker:
        assert worker.wait(20) == 3
    assert f"no Kafka broker answers at 127.0.0.1:{unused_tcp_port}" in log.read_text(encoding="utf-8")
    assert "Traceback" not in log.read_text(encoding="utf-8")


def test_a_run_is_told_something_and_its_question_is_answered(mill: Millrace) -> None:
    run_id = mill("start", "asking.yaml").out.strip()
    assert mill("signal", run_id, "paid", "--value", '{"sum": 12.5}').out == f"{run_id} has the signal paid\n"
    told = until(lambda: json.loads(mill("approvals", "--by", "finance", "--json").out))
    assert (told[0]["run_id"], told[0]["path"], told[0]["asked_value"]) == (run_id, "ok", {"sum": 12.5})
    said = mill("approve", run_id, "ok", "--by", "grace")
    assert said.code == 1 and "ok is answered by finance, ada; this answer is by grace" in said.err
    answer = ("--by", "grace", "--as", "finance", "--reason", "he is right", "--value", '{"sum": 10}')
    assert mill("approve", run_id, "ok", *answer).out == f"ok of {run_id} is approved by grace\n"
    said = mill("deny", run_id, "ok", "--by", "ada")
    assert said.code == 1 and "run_ended" in said.err
    until(lambda: json.loads(mill("show", run_id, "--json").out)["run"]["status"] == "succeeded")
    assert json.loads(mill("show", run_id, "--json").out)["run"]["outputs"] == {"approved": True, "sum": 10}
    row = "select answered_by, answered_as, reason, name from approvals join signals using (run_id, incarnation)"
    assert json.loads(mill("query", row, "--json").out) == [
        {"answered_by": "grace", "answered_as": "finance", "reason": "he is right", "name": "paid"}
    ]
    assert mill("approvals").out == "nothing waits for an answer\n"


def test_a_child_is_published_with_its_parent_and_shown_from_it(mill: Millrace) -> None:
    Path("family.yaml").write_text("name: family\nsteps: [{id: c, workflow: hello, with: {name: 5}}]", encoding="utf-8")
    said = mill("publish", "hello.yaml", "family.yaml")
    assert said.code == 1 and "`hello` wants `name` as string, not integer" in said.err
    Path("family.yaml").write_text(
        "name: family\nsteps: [{id: c, workflow: hello, with: {name: Ada}}]", encoding="utf-8"
    )
    assert "published family@1" in mill("publish", "hello.yaml", "family.yaml").out
    told = json.loads(mill("start", "family", "--wait", "--json").out)
    assert told["status"] == "succeeded" and "text" in told["outputs"]
    child = until(lambda: json.loads(mill("query", "select run_id from run_descendants", "--json").out))[0]["run_id"]
    assert child.startswith(told["run_id"] + ".") and child.endswith("/c#1")
    assert f"hello@1 {child}" in mill("show", told["run_id"]).out
    assert json.loads(mill("show", child, "--json").out)["run"]["parent_run"] == told["run_id"]
    assert mill("watch", child).code == 0


def test_a_call_of_which_nobody_knows_what_became_is_shown_and_decided(mill: Millrace) -> None:
    assert mill("publish", "doubtful.yaml").code == 0
    run_id = mill("start", "doubtful").out.split()[0]
    shown = until(lambda: said if "unknown, maybe billed: pay#1" in (said := mill("show", run_id).out) else "")
    assert f"millrace resolve {run_id} pay retry|fail|succeed --attempt 1" in shown.replace("\n", " ")
    said = mill("resolve", run_id, "pay", "succeed", "--attempt", "2")
    assert said.code == 1 and "attempt 1 of pay is the one in doubt, not 2" in said.err
    said = mill(
        "resolve", run_id, "pay", "succeed", "--output", '{"receipt": 17}', "--by", "ada", "--reason", "it is there"
    )
    assert said.out == f"pay#1 of {run_id}: succeed\n"
    assert until(lambda: json.loads(mill("show", run_id, "--json").out)["run"]["outputs"]) == {"receipt": 17}
    assert "ada decided succeed for pay#1: it is there" in mill("watch", run_id).out
