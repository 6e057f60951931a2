"""`publish`: the record leaves with its schedule, belongs to its attempt, and its arrival is the outcome."""

import orjson

from tests.story import Story, claim, same
from workflow.departures import NOBODY, Departure, wanted

TELLS = """
name: p
inputs: {ref: string}
steps:
  - id: out
    publish: {topic: "tickets.{{ inputs.ref }}", key: "{{ inputs.ref }}", value: {n: 1}, headers: {lang: en}}
    retry: {attempts: 2, backoff: 1s}
outputs: "{{ steps.out.output.position }}"
"""


def leaving(story: Story) -> list[Departure]:
    return [departure for group in story.partition.outbox.values() for departure in group]


def test_a_record_leaves_because_of_its_schedule_and_no_worker_has_it():
    story = Story(TELLS).start(ref="a").then("RunStarted", "StepScheduled out#1")
    scheduled = story.events[1]
    assert scheduled.worker == NOBODY and orjson.loads(scheduled.input)["topic"] == "tickets.a"
    (departure,) = leaving(story)
    assert (departure.topic, departure.key, departure.record) == ("tickets.a", "a", scheduled)
    assert wanted(story.partition, departure)
    story.succeed("out", {"partition": 2, "position": 7}).then(
        'StepSucceeded out {"partition":2,"position":7}', "RunSucceeded 7"
    )
    assert not wanted(story.partition, departure)


def test_a_new_owner_sends_it_again_under_the_same_id():
    story = Story(TELLS).start(ref="a")
    heir = story.replayed()
    assert heir.read(claim(2, "w2", heir.time)) and same(heir, heir)
    (before,), (after,) = leaving(story), [d for group in heir.outbox.values() for d in group]
    assert (before.record.key, before.record.attempt) == (after.record.key, after.record.attempt)
    assert wanted(heir, after)


def test_where_it_is_not_known_whether_it_arrived_it_is_published_again_only_if_that_does_no_harm():
    story = Story(TELLS).start(ref="a").fail("out", "timeout").then("StepFailed out unknown", "RunFailed unknown")
    assert "whether it happened is not known" in story.events[0].message
    again = Story(TELLS.replace("    retry", "    idempotent: true\n    retry")).start(ref="a").fail("out", "timeout")
    again.then("StepFailed out timeout, again").timer("out").then("StepScheduled out#2")
    old, new = leaving(again)
    assert not wanted(again.partition, old) and wanted(again.partition, new) and old.record.key == new.record.key


def test_records_with_a_key_go_in_order_and_others_wait_for_nobody():
    text = "name: p\nsteps: [{id: a, publish: {topic: t, value: 1}}, {id: b, needs: [], publish: {topic: t, value: 1}}]"
    assert len({departure.target for departure in leaving(Story(text).start())}) == 2
    keyed = text.replace("value: 1", "key: k, value: 1")
    assert len({departure.target for departure in leaving(Story(keyed).start())}) == 1


def test_what_was_cancelled_is_not_published():
    story = Story(TELLS).start(ref="a")
    (departure,) = leaving(story)
    story.cancel()
    assert not wanted(story.partition, departure)
