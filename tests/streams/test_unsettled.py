"""Batches of unknown fate: what is reported for them, once it is known which of their records stand."""

from schemas import events as e
from schemas.message import Cause, Event
from schemas.outcomes import StepReported
from schemas.partition import Held
from streams.appender import Entry
from streams.unsettled import _reports
from workflow.messages import Message, OutcomeTaken

STEP = Cause("step", 1, -1, "a#1")
REPORT = StepReported("r", "a", 1, "w", "succeeded", output=b"1")
OWN = OutcomeTaken(REPORT, STEP)


def entry(event: Event, message: Message | None = None) -> Entry:
    return Entry(event, message, b"r", b"")


def succeeded(n: int = 1, path: str = "a", attempt: int = 1) -> e.StepSucceeded:
    return e.StepSucceeded("r", 3, 2, "w", n, 0, STEP, path, attempt, b"1")


def scheduled(n: int = 2) -> e.StepScheduled:
    return e.StepScheduled("r", 4, 2, "w", n, 0, STEP, "b", "b", 1, "tool", "w")


def test_an_outcome_of_ours_that_did_not_make_it_is_reported():
    assert _reports([entry(succeeded(), OWN), entry(scheduled(), OWN)], set()) == [REPORT]


def test_an_outcome_that_stands_is_not_reported_again():
    assert _reports([entry(succeeded(), OWN)], {(2, 1)}) == []


def test_a_schedule_that_stands_was_not_begun_and_is_given_back():
    (report,) = _reports([entry(succeeded(), OWN), entry(scheduled(), OWN)], {(2, 1), (2, 2)})
    assert (report.path, report.attempt, report.status) == ("b", 1, "released")


def test_what_followed_from_an_outcome_is_not_taken_for_it():
    assert _reports([entry(succeeded(), OWN), entry(succeeded(2, "t", 0), OWN)], {(2, 1)}) == []


def test_outcomes_from_the_topic_are_read_again_anyway():
    taken = OutcomeTaken(REPORT, Cause("outcome", 1, 7))
    assert _reports([entry(succeeded(), taken)], set()) == []


def test_an_outcome_that_was_held_for_a_quarantined_run_is_reported():
    held = Held("r", 0, 2, "w", 1, 0, STEP, "StepReported", b"")
    assert _reports([entry(held, OWN)], set()) == [REPORT]
