"""Steps of a queue: they wait for room in the run, go to one worker's inbox, and outlive that worker."""

import pytest

from schemas.workers import WorkCancelled, WorkItem
from tests.story import Story
from tests.workflow.flow import problem
from workflow.departures import Departure, departure_id

GPU = "name: q\nsteps: [{id: a, tool: t.x, queue: gpu, idempotent: true, retry: {attempts: 2, backoff: 1s}}]"


def left(story: Story) -> list[Departure]:
    """What the last message sends."""
    sent = story.partition.outbox
    return [d for event in story.events for d in sent.get((event.epoch, event.n), ())]


def test_a_step_of_a_queue_waits_until_a_worker_has_room():
    story = Story(GPU).start().then("RunStarted", "StepQueued a")
    assert story.run().steps["a"].phase == "queued"
    story.room("a", worker="q1", inbox=3).then("StepScheduled a#1")
    assert (story.events[0].worker, story.events[0].inbox, story.events[0].queue) == ("q1", 3, "gpu")
    story.succeed("a", 1).then("StepSucceeded a 1", "RunSucceeded 1")


def test_the_item_goes_to_the_inbox_of_that_worker():
    story = Story(GPU).start().room("a", worker="q1", inbox=3)
    (departure,) = left(story)
    assert (departure.topic, departure.key, departure.partition) == ("workflow.work.gpu", "q1", 3)
    event = story.events[0]
    assert departure.record == WorkItem(departure_id(event), event)


def test_room_for_a_step_that_no_longer_waits_is_not_taken():
    story = Story(GPU).start().room("a")
    story.room("a", worker="q2").then_nothing()
    story.succeed("a").room("a").then_nothing()


def test_the_next_attempt_after_a_lost_worker_waits_for_room_again():
    story = Story(GPU).start().room("a", worker="q1").lose("a", "q1").then("StepFailed a worker_lost, again")
    story.timer("a").then("StepQueued a").room("a", worker="q2").then("StepScheduled a#2")
    story.succeed("a", 1).then("StepSucceeded a 1", "RunSucceeded 1")


def test_a_full_worker_gives_a_step_back_and_no_try_is_counted():
    story = Story(GPU).start().room("a").give_back("a").then("StepReleased a#1")
    story.timer("a").then("StepQueued a").room("a", worker="q2")
    assert (story.events[0].attempt, story.events[0].tries) == (2, 1)


def test_a_cancelled_attempt_is_taken_back_from_its_worker():
    story = Story(GPU).start().room("a", worker="q1").cancel().then("StepCancelled a", "RunCancelled")
    (departure,) = left(story)
    assert departure.record == WorkCancelled("q1", "r", "a", 1) and departure.partition == 3


def test_a_deadline_holds_while_a_step_waits_for_room():
    story = Story("name: q\nsteps: [{id: a, tool: t.x, queue: gpu, deadline: 5s}]").start()
    story.timer("a", due=story.run().steps["a"].deadline).then("StepFailed a timeout", "RunFailed timeout")
    story = Story("name: q\nsteps: [{id: a, tool: t.x, queue: gpu, deadline: 5s}]").start().room("a")
    story.timer("a", due=story.run().steps["a"].deadline)
    assert left(story)[0].record == WorkCancelled("q1", "r", "a", 1)


@pytest.mark.parametrize("name", ["gpu box", "ä", "/x", ""])
def test_a_queue_has_a_name_that_a_topic_can_have(name):
    found = problem(f"- {{id: a, tool: t.x, queue: '{name}'}}")
    assert "`queue` takes a name of letters, digits and . _ - such as gpu-box" in found.message
