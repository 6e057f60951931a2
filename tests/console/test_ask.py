import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.show import story as story_of_view
from console.story import RunStory
from projections.runs import show_run
from projections.store import Store
from schemas import events as e
from schemas import partition as p
from schemas.codec import decode
from tests.projections.histories import Log, Owner, Story, call, project
from workflow.validity import Claim

Millrace = Callable[..., Any]


def snapshot(log: Log, path: Path = Path(".millrace/snapshot.duckdb")) -> Path:
    """What the projector would publish of this log."""
    path.parent.mkdir(exist_ok=True)
    with Store(path, "workflow.events") as store:
        project(store, log.records())
    return path


@pytest.fixture
def log(here: Path) -> Log:
    """Three runs: one that cost something, one that failed, one that is under way; and a start that was refused."""
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    owner.start("good-1")
    owner.schedule("good-1", "a", target="claude-haiku-4-5")
    owner.succeed("good-1", "a", calls=[call(log, 123_456_789)])
    owner.write(e.RunSucceeded, "good-1", outputs=b'{"text": "hello"}')
    owner.start("bad-1", "triage")
    owner.schedule("bad-1", "a")
    owner.fail("bad-1", "a", again=False)
    owner.write(e.RunFailed, "bad-1", error_class="overloaded", message="too many requests", path="a")
    owner.start("open-1")
    owner.schedule("open-1", "a")
    said = {"command": "StartRun", "command_id": "c9", "reason": "unknown_workflow", "message": "no workflow 'x'"}
    owner.write(p.CommandRefused, "lost-1", seq=0, **said)
    return log


def test_runs_are_listed_the_newest_first(millrace: Millrace, log: Log) -> None:
    snapshot(log)
    said = millrace("runs")
    assert said.code == 0
    header, _, *rows = said.out.splitlines()
    assert header.split() == ["run", "workflow", "status", "began", "took", "steps", "tokens", "dollars", "error"]
    assert [row.split()[0] for row in rows] == ["lost-1", "open-1", "bad-1", "good-1"]
    assert "unknown_workflow: no workflow 'x'" in rows[0] and "refused" in rows[0]
    assert "triage@3" in rows[2] and "overloaded: too many requests" in rows[2]
    assert "hello@3" in rows[3] and "$0.123456789" in rows[3] and "1,250" in rows[3] and "1/1" in rows[3]


def test_runs_may_be_chosen_and_are_json_for_programs(millrace: Millrace, log: Log) -> None:
    snapshot(log)
    found = json.loads(millrace("runs", "--status", "succeeded", "--workflow", "hello", "--json").out)
    assert [(run["run_id"], run["usd"], run["labels"]) for run in found] == [("good-1", 0.123456789, {"team": "a"})]
    assert found[0]["ended_at"].endswith("Z")
    assert len(json.loads(millrace("runs", "--limit", "2", "--json").out)) == 2
    assert millrace("runs", "--workflow", "nobody").out == "no runs like that\n"


def test_one_run_is_shown_whole(millrace: Millrace, log: Log) -> None:
    snapshot(log)
    said = millrace("show", "good-1")
    assert said.code == 0
    assert said.out.startswith("good-1  hello@3  succeeded  began ")
    assert "✓ a" in said.out and "model claude-haiku-4-5" in said.out and "$0.123456789" in said.out
    assert 'outputs  {"text": "hello"}' in said.out
    failed = millrace("show", "bad-1").out
    assert "✗ a" in failed and "overloaded: too many requests" in failed
    assert "· a" in millrace("show", "open-1").out


def test_one_run_as_json_has_everything(millrace: Millrace, log: Log) -> None:
    snapshot(log)
    told = json.loads(millrace("show", "good-1", "--json").out)
    assert told["run"]["outputs"] == {"text": "hello"} and told["run"]["inputs"] == {"name": "Ada"}
    assert told["steps"][0]["path"] == "a" and told["calls"][0]["recorded_usd"] == 0.123456789
    assert told["total"] == {"usd": 0.123456789, "unpriced": 0, "input_tokens": 1000, "output_tokens": 250}


def test_of_a_refused_start_the_reason_is_shown(millrace: Millrace, log: Log) -> None:
    snapshot(log)
    said = millrace("show", "lost-1")
    assert said.code == 0
    assert "StartRun was refused (unknown_workflow): no workflow 'x'" in said.out


@pytest.mark.parametrize("command", [["runs"], ["show", "x"], ["query", "select 1"]])
def test_without_a_snapshot_the_remedy_is_told(millrace: Millrace, command: list[str]) -> None:
    said = millrace(*command)
    assert said.code == 1
    assert said.err.startswith("error: There is no snapshot at .millrace/snapshot.duckdb yet")
    assert "millrace projector" in said.err


def test_a_run_that_nobody_knows_is_a_failure(millrace: Millrace, log: Log) -> None:
    snapshot(log)
    said = millrace("show", "nobody")
    assert said.code == 1 and said.err.startswith("error: No run nobody is in the snapshot")


def test_an_empty_snapshot_has_no_runs_yet(millrace: Millrace, here: Path) -> None:
    snapshot(Log(1))
    assert millrace("runs").out == "no runs yet: millrace start WORKFLOW\n"
    assert millrace("runs", "--json").out == "[]\n"


def test_a_question_is_answered_as_a_table_json_or_csv(millrace: Millrace, log: Log) -> None:
    snapshot(log)
    question = "select run_id, inputs, {'a': [1]} as s, null as nothing from runs where run_id = 'good-1'"
    lines = millrace("query", question).out.splitlines()
    assert lines[0].split() == ["run_id", "inputs", "s", "nothing"]
    assert lines[2].split("   ")[0] == "good-1" and '{"a":[1]}' in lines[2]
    assert json.loads(millrace("query", question, "--json").out) == [
        {"run_id": "good-1", "inputs": {"name": "Ada"}, "s": {"a": [1]}, "nothing": None}
    ]
    rows = list(csv.reader(io.StringIO(millrace("query", question, "--csv").out)))
    assert rows == [["run_id", "inputs", "s", "nothing"], ["good-1", '{"name": "Ada"}', '{"a":[1]}', ""]]


def test_a_question_may_stand_in_a_file_or_come_through_a_pipe(
    millrace: Millrace, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot(log)
    Path("q.sql").write_text("select count(*) as n from runs", encoding="utf-8")
    assert json.loads(millrace("query", "--file", "q.sql", "--json").out) == [{"n": 3}]
    monkeypatch.setattr(
        "sys.stdin", io.StringIO("select 1.25::decimal(9,2) as x, timestamp '2026-01-02 03:04:05' as t")
    )
    assert json.loads(millrace("query", "-", "--json").out) == [{"x": 1.25, "t": "2026-01-02T03:04:05Z"}]
    said = millrace("query", "--file", "nowhere.sql")
    assert said.code == 1 and "where:  nowhere.sql" in said.err


def test_a_question_that_is_no_sql_or_wants_to_write_is_refused(millrace: Millrace, log: Log) -> None:
    snapshot(log)
    said = millrace("query", "selec 1")
    assert said.code == 1 and said.err.startswith("error: Parser Error") and "LINE 1: selec 1" in said.err
    assert millrace("query", "delete from runs").code == 1


@pytest.mark.parametrize("seed", range(6))
def test_a_run_watched_from_the_log_and_one_shown_from_the_database_tell_the_same(here: Path, seed: int) -> None:
    log = Story(seed).log
    path = snapshot(log)
    for run_id, watched in stories(log).items():
        view = show_run(path, run_id)
        shown = story_of_view(view, run_id)
        assert (shown.workflow, shown.version, shown.status) == (watched.workflow, watched.version, watched.status)
        assert (shown.started, shown.ended, shown.outputs) == (watched.started, watched.ended, watched.outputs)
        assert (shown.error_class, shown.error_path) == (watched.error_class, watched.error_path)
        recorded = {line.path: (line.calls, line.input_tokens, line.output_tokens) for line in shown.steps.values()}
        for step in watched.steps.values():
            assert recorded.get(step.path, (0, 0, 0)) == (step.calls, step.input_tokens, step.output_tokens)


def stories(log: Log) -> dict[str, RunStory]:
    """The latest run of each id, folded from the valid events."""
    told: dict[str, RunStory] = {}
    for part in log.partitions:
        claim = Claim()
        for value in part:
            event = _event(value)
            if event is None or not claim.admits(event):
                continue
            if isinstance(event, (e.RunAccepted, e.RunStarted)) and not _goes_on(told.get(event.run_id)):
                told[event.run_id] = RunStory(event.run_id)
            if event.run_id in told:
                told[event.run_id].take(event)
    return told


def _goes_on(story: RunStory | None) -> bool:
    return story is not None and story.status == "accepted"


def _event(value: bytes | None) -> Any:
    try:
        return decode(value or b"")
    except ValueError:
        return None


def test_what_waits_for_an_answer_is_listed(millrace: Millrace, here: Path) -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    for run_id in ("answered-1", "ended-1", "open-1"):
        owner.start(run_id, "refund")
        owner.ask(run_id, "ok")
    owner.write(e.ApprovalAnswered, "answered-1", path="ok", approved=True, by="ada")
    owner.write(e.RunCancelled, "ended-1", reason="enough")
    snapshot(log)
    said = millrace("approvals")
    header, _, *rows = said.out.splitlines()
    assert header.split() == ["run", "step", "asked", "prompt", "under", "review", "since", "until"]
    assert len(rows) == 1 and rows[0].split()[:5] == ["open-1", "ok", "finance,", "ada", "Sure?"]
    told = json.loads(millrace("approvals", "--by", "ada", "--json").out)
    assert (told[0]["run_id"], told[0]["asked"], told[0]["asked_value"]) == ("open-1", ["finance", "ada"], 1)
    assert millrace("approvals", "--by", "grace").out == "nothing waits for an answer by grace\n"
