"""Runs as the console shows them."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from projections.query import query
from projections.runs import RunUnknown, list_refusals, list_runs, positions, show_run
from projections.store import Store
from schemas import events as e
from schemas import partition as p
from tests.projections.histories import SECOND, Log, Owner, call, project


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "snapshot.duckdb"
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    _whole(log, owner)
    _failed(owner)
    owner.write(e.RunAccepted, "waits", command_id="c9", workflow="later", inputs=b"{}", incarnation=log.now)
    owner.start("again", "hello")
    owner.write(e.RunSucceeded, "again", outputs=b"1")
    owner.start("again", "hello")
    owner.write(p.CommandRefused, "typo", seq=0, command="StartRun", command_id="c", reason="bad_id", message="no")
    owner.write(p.CommandRefused, "", seq=0, command="StartRun", command_id="c", reason="duplicate", message="twice")
    owner.write(p.CommandRefused, "whole", seq=0, command="CancelRun", command_id="c", reason="ended", message="late")
    owner.start("broken")
    owner.write(p.RunQuarantined, "broken", seq=0, reason="folding KeyError", traceback="Traceback …")
    with Store(path, "workflow.events") as store:
        project(store, log.records())
    return path


def _whole(log: Log, owner: Owner) -> None:
    owner.start("whole", "triage")
    owner.schedule("whole", "a", 1, target="claude-haiku-4-5")
    owner.fail("whole", "a", 1, again=True, calls=[call(log, 100)])
    owner.schedule("whole", "a", 2, target="claude-haiku-4-5")
    owner.succeed("whole", "a", 2, [call(log, 2_000_000_000), call(log, None, ("own", "x"))])
    owner.write(e.StepSkipped, "whole", path="b", step="b")
    owner.write(e.RunSucceeded, "whole", outputs=b'{"answer": 1}')


def _failed(owner: Owner) -> None:
    owner.start("failed", "hello")
    owner.schedule("failed", "a", kind="tool", target="shop.buy")
    owner.fail("failed", "a", again=False)
    owner.write(e.RunFailed, "failed", error_class="overloaded", message="too many requests", path="a")


def test_the_newest_runs_come_first_and_refused_starts_are_among_them(snapshot: Path) -> None:
    found = [(run.run_id, run.status) for run in list_runs(snapshot)]
    assert found == [
        ("broken", "quarantined"),
        ("typo", "refused"),
        ("again", "running"),
        ("again", "succeeded"),
        ("waits", "accepted"),
        ("failed", "failed"),
        ("whole", "succeeded"),
    ]


def test_a_line_has_steps_tokens_and_dollars(snapshot: Path) -> None:
    line = list_runs(snapshot, workflow="triage")[0]
    assert (line.steps, line.steps_ended, line.calls, line.tokens) == (2, 2, 3, 3750)
    assert (line.usd, line.unpriced) == (Decimal("2.000000100"), 1)
    free = list_runs(snapshot, status="accepted")[0]
    assert (free.usd, free.unpriced, free.calls, free.steps) == (Decimal(0), 0, 0, 0)


def test_the_list_is_filtered_and_limited(snapshot: Path) -> None:
    assert [run.run_id for run in list_runs(snapshot, status="failed")] == ["failed"]
    assert [run.run_id for run in list_runs(snapshot, workflow="hello", status="running")] == ["again"]
    assert len(list_runs(snapshot, limit=2)) == 2
    assert list_runs(snapshot, workflow="nope") == []


def test_one_run_is_shown_whole(snapshot: Path) -> None:
    view = show_run(snapshot, "whole")
    assert view.run is not None
    assert (view.run.workflow, view.run.version, view.run.status) == ("triage", 3, "succeeded")
    assert view.run.outputs == '{"answer": 1}'
    assert view.run.labels == '{"team":"a"}'
    assert [(step.path, step.status, step.attempts) for step in view.steps] == [
        ("a", "succeeded", 2),
        ("b", "skipped", None),
    ]
    step = view.steps[0]
    assert (step.calls, step.input_tokens, step.output_tokens) == (3, 3000, 750)
    assert step.error_class is None and step.last_error_class == "overloaded"
    assert step.started_at is not None and step.ended_at is not None
    assert step.ended_at - step.started_at > timedelta(seconds=1)
    assert [(a.attempt, a.status, a.error_class) for a in view.attempts] == [
        (1, "failed", "overloaded"),
        (2, "succeeded", None),
    ]
    assert [(c.attempt, c.call, c.usd) for c in view.calls] == [
        (1, 1, Decimal("0.000000100")),
        (2, 1, Decimal("2.000000000")),
        (2, 2, None),
    ]
    assert (view.usd, view.unpriced, view.input_tokens, view.output_tokens) == (Decimal("2.000000100"), 1, 3000, 750)
    assert [(r.command, r.reason) for r in view.refusals] == [("CancelRun", "ended")]
    assert view.quarantine is None


def test_a_failed_run_says_where_and_why(snapshot: Path) -> None:
    view = show_run(snapshot, "failed")
    assert view.run is not None
    assert (view.run.error_path, view.run.error_class, view.run.error_message) == (
        "a",
        "overloaded",
        "too many requests",
    )
    assert (view.steps[0].error_class, view.usd) == ("overloaded", Decimal(0))


def test_of_runs_with_one_id_the_newest_is_shown_unless_another_is_asked_for(snapshot: Path) -> None:
    newest = show_run(snapshot, "again").run
    assert newest is not None and newest.status == "running"
    older = next(run for run in list_runs(snapshot) if run.run_id == "again" and run.status == "succeeded")
    asked = show_run(snapshot, "again", older.incarnation).run
    assert asked is not None and asked.status == "succeeded"
    assert newest.incarnation - asked.incarnation == 2 * SECOND


def test_a_quarantined_run_shows_its_reason(snapshot: Path) -> None:
    view = show_run(snapshot, "broken")
    assert view.quarantine is not None
    assert (view.quarantine.reason, view.quarantine.still_set_aside) == ("folding KeyError", True)


def test_of_an_id_that_was_only_refused_the_refusals_are_shown(snapshot: Path) -> None:
    view = show_run(snapshot, "typo")
    assert view.run is None
    assert [r.reason for r in view.refusals] == ["bad_id"]
    assert (view.usd, view.steps) == (Decimal(0), [])


def test_an_unknown_run_is_an_error_that_says_where_to_look(snapshot: Path) -> None:
    with pytest.raises(RunUnknown, match=r"No run nobody .*`millrace runs`"):
        show_run(snapshot, "nobody")


def test_refusals_are_listed_newest_first(snapshot: Path) -> None:
    assert [r.reason for r in list_refusals(snapshot)] == ["ended", "duplicate", "bad_id"]
    assert [r.reason for r in list_refusals(snapshot, run_id="typo")] == ["bad_id"]
    assert len(list_refusals(snapshot, limit=1)) == 1


def test_positions_tell_how_far_the_log_was_read(snapshot: Path) -> None:
    assert positions(snapshot) == {0: 21}


def test_a_child_run_is_found_from_its_parent_and_the_other_way_round(tmp_path: Path) -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    owner.start("top")
    owner.write(e.ChildRequested, "top", path="c", step="c", attempt=1, child="top.1/c#1", workflow="leaf@2")
    owner.start("top.1/c#1", "leaf", parent_run="top", parent_step="c", depth=1)
    owner.write(e.ChildStarted, "top", path="c", attempt=1, child="top.1/c#1")
    owner.start("low", "leaf", parent_run="top.1/c#1", parent_step="d", depth=2)
    path = tmp_path / "lineage.duckdb"
    with Store(path, "workflow.events") as store:
        project(store, log.records())
    view = show_run(path, "top")
    assert [(step.kind, step.status, step.target, step.child_run) for step in view.steps] == [
        ("workflow", "running", "leaf@2", "top.1/c#1")
    ]
    assert [(one.attempt, one.worker, one.status) for one in view.attempts] == [(1, "top.1/c#1", "scheduled")]
    found = query(path, "SELECT run_id, parent_step, depth FROM run_descendants WHERE ancestor = 'top' ORDER BY depth")
    assert found.rows == [("top.1/c#1", "c", 1), ("low", "d", 2)]
