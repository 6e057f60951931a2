"""Event → rows, without Kafka and without DuckDB."""

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from projections.batch import Batch
from projections.changes import Merged
from projections.intake import Intake
from projections.tables import KEYED
from schemas import events as e
from schemas import partition as p
from tests.projections.histories import SECOND, Log, Owner, Story, call


def test_a_step_that_was_retried_is_one_step_and_two_attempts() -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    started = owner.start("run-1")
    owner.schedule("run-1", "a", 1, target="claude")
    owner.fail("run-1", "a", 1, again=True)
    owner.schedule("run-1", "a", 2, target="gemini")
    owner.succeed("run-1", "a", 2)
    batch = _take(log)
    key = ("run-1", started.incarnation, "a")
    step = batch.steps.changed[key]
    assert (step["status"], step["attempts"], step["target"], step["kind"]) == ("succeeded", 2, "gemini", "model")
    assert step["last_error_class"] == "overloaded"
    assert step["output"] == '{"text": "hello", "n": 1}'
    endings = {attempt[-1]: row["ending"] for attempt, row in batch.attempts.changed.items()}
    assert endings == {1: "failed", 2: "succeeded"}
    assert batch.attempts.changed[(*key, 1)]["retry_at"] > batch.attempts.changed[(*key, 1)]["ended_at"]
    run = batch.runs.changed[key[:2]]
    assert (run["state"], run["attempts"], run["events"]) == ("running", 2, 5)


def test_void_records_are_kept_and_change_nothing() -> None:
    log = Log(1)
    old = Owner(log, 0, "w1").claim()
    old.start("run-1")
    fresh = Owner(log, 0, "w2", epoch=2).claim()
    fresh.seqs = old.seqs
    old.write(e.RunFailed, "run-1", seq=2, error_class="fatal", message="a zombie said so")
    log.partitions[0].append(log.partitions[0][1])
    Owner(log, 0, "w3", epoch=2).claim()
    fresh.write(e.RunSucceeded, "run-1", seq=2, outputs=b'"yes"')
    batch = _take(log)
    assert [(row[7], row[13]) for row in batch.events] == [
        ("PartitionClaimed", True),
        ("RunStarted", True),
        ("PartitionClaimed", True),
        ("RunFailed", False),
        ("RunStarted", False),
        ("PartitionClaimed", False),
        ("RunSucceeded", True),
    ]
    (run,) = batch.runs.changed.values()
    assert (run["state"], run["outputs"], run.get("error_class"), run["events"]) == ("succeeded", '"yes"', None, 2)
    assert batch.positions.changed == {(0,): {"next_offset": 7, "log": 7, "epoch": 2, "owner": "w2", "n": 1}}


def test_a_late_outcome_adds_its_calls_once_and_changes_no_step() -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    owner.start("run-1")
    owner.schedule("run-1", "a")
    lost = [call(log, 700), call(log, 300)]
    owner.write(e.StepFailed, "run-1", path="a", attempt=1, error_class="worker_lost", message="lost", worker="w1")
    owner.ignore("run-1", "a", 1, lost)
    owner.ignore("run-1", "a", 1, lost)
    batch = _take(log)
    calls = batch.model_calls.changed
    assert [(key[-1], row["cost_nanousd"], row["ignored"]) for key, row in calls.items()] == [
        (1, 700, True),
        (2, 300, True),
    ]
    (step,) = batch.steps.changed.values()
    assert (step["status"], step["last_error_class"]) == ("failed", "worker_lost")


def test_a_run_id_that_is_used_again_is_another_run() -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    first = owner.start("run-1")
    owner.write(e.RunSucceeded, "run-1", outputs=b"1")
    owner.ignore("run-1", "a", 1, [call(log, 1)])
    second = owner.start("run-1")
    owner.write(e.RunFailed, "run-1", error_class="fatal", message="no")
    owner.ignore("run-1", "b", 1, [call(log, 2)])
    batch = _take(log)
    assert {key[1]: row["state"] for key, row in batch.runs.changed.items()} == {
        first.incarnation: "succeeded",
        second.incarnation: "failed",
    }
    assert {(key[1], key[2]) for key in batch.model_calls.changed} == {
        (first.incarnation, "a"),
        (second.incarnation, "b"),
    }


def test_the_database_is_asked_only_for_runs_that_had_ended() -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    owner.start("run-1")
    owner.schedule("run-1", "a")
    owner.write(p.CommandRefused, "typo", seq=0, command="StartRun", command_id="c", reason="r", message="m")
    owner.ignore("old", "a", 1, [])
    zombie = Owner(log, 0, "w0", epoch=1)
    zombie.start("older")
    owner.ignore("older", "a", 1, [call(log, 5)])
    asked: list[set[str]] = []

    def lookup(run_ids: Collection[str]) -> dict[str, int]:
        asked.append(set(run_ids))
        return dict.fromkeys(run_ids, 77)

    batch = Intake({}, {}, lookup).take(log.records())
    assert asked == [{"old"}, {"older"}]
    assert [key[:2] for key in batch.model_calls.changed] == [("older", 77)]


def test_a_step_handled_by_on_error_keeps_its_kind_and_succeeds() -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    owner.start("run-1")
    owner.schedule("run-1", "a", kind="tool")
    owner.fail("run-1", "a", again=False)
    owner.write(e.StepOpened, "run-1", path="a", step="a", kind="on_error")
    owner.succeed("run-1", "a", 0)
    (step,) = _take(log).steps.changed.values()
    assert (step["kind"], step["status"]) == ("tool", "succeeded")


def test_cancelling_a_step_that_rests_leaves_its_failed_attempt_failed() -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    owner.start("run-1")
    owner.schedule("run-1", "a")
    owner.fail("run-1", "a", again=True)
    owner.write(e.StepCancelled, "run-1", path="a", attempt=1, reason="the run failed")
    batch = _take(log)
    assert [row["ending"] for row in batch.attempts.changed.values()] == ["failed"]
    assert [row["status"] for row in batch.steps.changed.values()] == ["cancelled"]


def test_waits_shapes_and_decided_steps_have_no_attempts() -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    owner.start("run-1")
    owner.write(e.StepWaiting, "run-1", path="w", step="w", until=log.now + 60 * SECOND)
    owner.write(e.StepOpened, "run-1", path="both", step="both", kind="parallel")
    owner.write(e.StepSkipped, "run-1", path="both/left/s", step="s")
    owner.succeed("run-1", "refine[3]/draft", 0)
    owner.write(e.StepFailed, "run-1", path="t", attempt=0, error_class="fatal", message="1 / 0")
    owner.write(e.StepCancelled, "run-1", path="both", attempt=0)
    batch = _take(log)
    assert batch.attempts.changed == {}
    assert {key[2]: (row["step"], row["status"]) for key, row in batch.steps.changed.items()} == {
        "w": ("w", "waiting"),
        "both": ("both", "cancelled"),
        "both/left/s": ("s", "skipped"),
        "refine[3]/draft": ("draft", "succeeded"),
        "t": ("t", "failed"),
    }


def test_refusals_of_every_kind_are_rows() -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    owner.write(e.RunAccepted, "run-1", command_id="c1", workflow="nope", inputs=b"{}", incarnation=5)
    owner.write(e.RunRefused, "run-1", reason="unknown_workflow", message="no workflow nope")
    owner.write(p.CommandRefused, "", seq=0, command="StartRun", command_id="c2", reason="inputs", message="missing")
    owner.write(
        p.InputRejected, "", seq=0, topic="workflow.commands", reason="json", message="bad", size=9, deadletter=4
    )
    batch = _take(log)
    assert [(row[2], row[4], row[8]) for row in batch.refusals] == [
        ("RunRefused", "run-1", "no workflow nope"),
        ("CommandRefused", None, "missing"),
        ("InputRejected", None, "bad"),
    ]
    assert batch.runs.changed[("run-1", 5)]["state"] == "refused"


def test_a_quarantined_run_goes_on_after_its_release() -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    run = owner.start("run-1")
    owner.write(p.RunQuarantined, "run-1", seq=0, reason="folding KeyError", traceback="…", first_offset=1)
    owner.write(p.Held, "run-1", seq=0, message_kind="StepReported", value=b"\x00\xff")
    owner.write(p.RunReleased, "run-1", seq=0)
    batch = _take(log)
    key = ("run-1", run.incarnation)
    assert (batch.runs.changed[key]["quarantined"], batch.runs.changed[key]["state"]) == (False, "running")
    set_aside = batch.quarantine.changed[key]
    assert (set_aside["still_set_aside"], set_aside["held"], set_aside["first_offset"]) == (False, 1, 1)


@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(1, 40), min_size=1))
def test_batches_merge_to_what_one_batch_says(seed: int, cuts: list[int]) -> None:
    records = Story(seed, 40).log.records()
    tables = {table.name: Merged(table) for table in KEYED}
    intake = Intake({}, {}, lambda run_ids: _newest(tables["runs"], run_ids))
    added: list[tuple] = []
    place = 0
    while place < len(records):
        size = cuts[place % len(cuts)]
        batch = intake.take(records[place : place + size])
        place += size
        added += batch.events + batch.refusals
        for merged in batch.keyed:
            columns = merged.columns()
            for row in merged.rows(columns):
                key, values = row[: len(merged.table.key)], row[len(merged.table.key) :]
                tables[merged.table.name].merge(key, **dict(zip(columns, values, strict=True)))
    whole = _intake().take(records)
    assert {name: _known(merged) for name, merged in tables.items()} == {m.table.name: _known(m) for m in whole.keyed}
    assert sorted(map(repr, added)) == sorted(map(repr, whole.events + whole.refusals))


def _newest(runs: Merged, run_ids: object) -> dict[str, int]:
    found: dict[str, int] = {}
    for run_id, incarnation in runs.changed:
        if run_id in run_ids:  # type: ignore[operator]
            found[run_id] = max(found.get(run_id, 0), incarnation)
    return found


def _known(merged: Merged) -> dict:
    return {
        key: {column: value for column, value in row.items() if value not in (None, 0)}
        for key, row in merged.changed.items()
    }


def _intake() -> Intake:
    return Intake({}, {}, lambda run_ids: {})


def _take(log: Log) -> Batch:
    return _intake().take(log.records())
