"""The verdict of scripts/chaos finds each thing that must not be; its plan is drawn from the seed."""

import sys

import pytest

from schemas import events as e
from schemas import partition as p
from schemas.message import Cause, Positions
from schemas.outcomes import StepReported
from schemas.workers import WorkerBeat
from tests.house.tree import ROOT

sys.path.insert(0, str(ROOT / "scripts" / "chaos.d"))

from logs import Line
from plan import plan
from verdict import Evidence, judge


def test_a_seed_is_a_plan_with_five_kills_and_a_restart_at_least() -> None:
    deeds = plan(7, 24.0)
    assert deeds == plan(7, 24.0) != plan(8, 24.0)
    assert [deed.what for deed in deeds].count("kill") == 5 and "restart" in [deed.what for deed in deeds]


class Story:
    """A log of one partition, made by hand, with the time in seconds."""

    def __init__(self) -> None:
        self.events: list[Line] = []
        self.outcomes: list[Line] = []
        self.ledger: list[str] = []
        self._n, self._seq, self._epoch = 0, 0, 0
        self.claim("w-1", 0)

    def claim(self, owner: str, at: float) -> None:
        self._epoch, self._n, self.owner = self._epoch + 1, 0, owner
        cause = Cause("owner")
        self._line(p.PartitionClaimed("", 0, self._epoch, owner, 0, int(at * 1e6), cause, 1, Positions()))

    def tell(self, event: type, at: float, /, **fields: object) -> "Story":
        self._n, self._seq = self._n + 1, self._seq + 1
        given = ("r", self._seq, self._epoch, self.owner, self._n, int(at * 1e6), Cause("step"))
        self._line(event(*given, **fields))
        return self

    def schedule(self, attempt: int, at: float) -> "Story":
        return self.tell(
            e.StepScheduled, at, path="a", step="a", attempt=attempt, kind="tool", worker=self.owner, target="t.x"
        )

    def called(self, attempt: int, *words: str) -> "Story":
        self.ledger += [f"{word} r a {attempt} 1 1" for word in words]
        return self

    def reported(self, attempt: int, at: float) -> "Story":
        report = StepReported("r", "a", attempt, "w-1", "succeeded")
        self.outcomes.append(Line(0, len(self.outcomes), int(at * 1e6), report))
        return self

    def _line(self, record: object) -> None:
        self.events.append(Line(0, len(self.events), 0, record))

    def judged(self, **changes: object):
        given = {"accepted": {"r"}, "doubtful": set(), "beats": [], "commands": [], **changes}
        return judge(Evidence(events=self.events, outcomes=self.outcomes, ledger=self.ledger, **given))


def begun() -> Story:
    return Story().schedule(1, 1.0).called(1, "begun")


def test_a_run_whose_step_was_done_once_holds() -> None:
    story = begun().called(1, "done").tell(e.StepSucceeded, 2.0, path="a", attempt=1, output=b"1")
    verdict = story.tell(e.RunSucceeded, 2.0, outputs=b"1").judged()
    assert verdict.holds and verdict.completed == 1 and verdict.in_flight == 0


def test_a_run_without_an_end_is_lost() -> None:
    verdict = begun().judged()
    assert not verdict.holds and verdict.lost == ["r"] and verdict.in_flight == 1


def test_a_success_that_counts_two_times_is_found() -> None:
    story = begun().called(1, "done")
    for _ in range(2):
        story.tell(e.StepSucceeded, 2.0, path="a", attempt=1, output=b"1")
    verdict = story.tell(e.RunSucceeded, 2.0, outputs=b"1").judged()
    assert not verdict.holds and verdict.twice == ["r a succeeded", "r a 1"]


@pytest.mark.parametrize(("first", "twice"), [(e.StepFailed, []), (e.StepCancelled, ["r a 1"])])
def test_a_step_may_be_cancelled_after_a_failed_attempt_and_have_no_outcome_after_that(first: type, twice: list[str]):
    failed = {"path": "a", "attempt": 1, "error_class": "worker_lost", "message": ""}
    cancelled = {"path": "a", "attempt": 1}
    story, second = begun(), e.StepCancelled if first is e.StepFailed else e.StepFailed
    for event in (first, second):
        story.tell(event, 2.0, **(failed if event is e.StepFailed else cancelled))
    assert story.tell(e.RunCancelled, 2.0).judged(doubtful={"r"}).twice == twice


def test_an_attempt_begun_two_times_is_found() -> None:
    story = begun().called(1, "begun", "done").tell(e.StepSucceeded, 2.0, path="a", attempt=1, output=b"1")
    verdict = story.tell(e.RunSucceeded, 2.0, outputs=b"1").judged()
    assert not verdict.holds and verdict.again == ["r a#1"]


@pytest.mark.parametrize(("acked", "again"), [(2.0, ["r a#2"]), (4.0, [])])
def test_an_attempt_that_begins_though_an_earlier_success_was_acked_is_found(acked: float, again: list[str]) -> None:
    """Acked only after the attempt was given up, it had been in flight."""
    story = begun().called(1, "done").reported(1, acked)
    story.claim("w-2", 2.5)
    story.tell(e.StepFailed, 3.0, path="a", attempt=1, error_class="worker_lost", message="")
    story.schedule(2, 3.0).called(2, "begun", "done").tell(e.StepSucceeded, 5.0, path="a", attempt=2, output=b"1")
    verdict = story.tell(e.RunSucceeded, 5.0, outputs=b"1").judged()
    assert verdict.again == again and verdict.holds == (not again)
    assert verdict.in_flight == 1


def test_a_call_that_was_given_back_and_begun_all_the_same_is_found() -> None:
    story = begun().tell(e.StepReleased, 2.0, path="a", attempt=1)
    verdict = story.tell(e.RunFailed, 2.0, error_class="fatal", message="x").judged(doubtful={"r"})
    assert not verdict.holds and verdict.begun_though_released == ["r a#1"] and verdict.failed_by_policy == 1


def test_a_success_without_its_effect_is_found() -> None:
    story = begun().tell(e.StepSucceeded, 2.0, path="a", attempt=1, output=b"1")
    verdict = story.tell(e.RunSucceeded, 2.0, outputs=b"1").judged()
    assert not verdict.holds and verdict.told_without_effect == ["r a#1"]


def test_a_failure_that_no_policy_asked_for_counts_against_completion() -> None:
    verdict = begun().tell(e.RunFailed, 2.0, error_class="fatal", message="x").judged()
    assert not verdict.holds and verdict.failed == ["r: RunFailed x"]


def test_recovery_is_timed_from_the_kill_to_the_first_transition() -> None:
    story = begun()
    story.claim("w-2", 2.5)
    story.tell(e.StepFailed, 3.0, path="a", attempt=1, error_class="worker_lost", message="")
    beat = Line(0, 0, 0, WorkerBeat("w-1", "s", 1, 1, 0, "", pid=7))
    found = {"beats": [beat], "struck": [(7, 1_500_000), (8, 1_600_000)]}
    assert story.judged(**found).recoveries == [1.5]
    assert story.judged(**found, away=[(2_900_000, 4_000_000)]).recoveries_in_trouble == [1.5]
    assert story.judged(**found, away=[(3_000_000, 4_000_000)]).recoveries == [1.5]
