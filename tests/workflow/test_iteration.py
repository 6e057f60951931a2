"""switch, each and loop: the case that fits, items in order or some at once, rounds until it is enough."""

import orjson
import pytest

from schemas import events as e
from tests.story import Story, told
from tests.workflow.flow import problem

SWITCH = """
name: s
inputs: {n: integer}
steps:
  - id: route
    switch:
      - {when: inputs.n > 9, steps: [{id: big, tool: t.big}, {id: told, transform: "big {{ steps.big.output }}"}]}
      - {when: inputs.n > 3, steps: [{id: middle, transform: middle}]}
      - {else: true, steps: [{id: small, transform: small}]}
  - {id: after, transform: "{{ steps.?route.?output.orValue('nothing') }}"}
"""
EACH = """
name: e
inputs: {names: [string]}
steps:
  - id: all
    each: "{{ inputs.names }}"
    as: name
    %s
    steps:
      - {id: call, tool: t.x, with: {name: "{{ name }}", index: "{{ index }}"}}
      - {id: told, transform: "{{ name }}: {{ steps.call.output }}"}
"""
LOOP = """
name: l
steps:
  - id: refine
    loop: {while: "round.output.score < 8.0", max: %d, first: {text: "", score: 0.0}%s}
    steps:
      - id: draft
        tool: t.x
        with: {text: "{{ round.output.text }}", index: "{{ round.index }}"}
        output: {text: string, score: number}
"""


def scheduled(story: Story) -> list[str]:
    return [event.path for event in story.events if isinstance(event, e.StepScheduled)]


def asked(story: Story) -> dict:
    return orjson.loads(next(event for event in story.events if isinstance(event, e.StepScheduled)).input)


def test_the_first_case_that_fits_runs_and_its_output_is_that_of_the_switch():
    story = Story(SWITCH).start(n=10).then("RunStarted", "StepOpened route", "StepScheduled route/big#1")
    story.succeed("route/big", 7)
    assert told(story.events[-1]) == 'RunSucceeded "big 7"'
    assert told(Story(SWITCH).start(n=5).events[-1]) == 'RunSucceeded "middle"'
    assert told(Story(SWITCH).start(n=1).events[-1]) == 'RunSucceeded "small"'


def test_a_switch_without_a_fitting_case_is_skipped():
    text = SWITCH.replace("      - {else: true, steps: [{id: small, transform: small}]}\n", "")
    story = Story(text).start(n=1)
    assert told(story.events[1]) == "StepSkipped route" and told(story.events[-1]) == 'RunSucceeded "nothing"'


def test_items_go_one_after_the_other_and_the_results_keep_their_order():
    story = Story(EACH % "").start(names=["a", "b"])
    assert scheduled(story) == ["all[0]/call"] and asked(story) == {"name": "a", "index": 0}
    story.succeed("all[0]/call", 1)
    assert scheduled(story) == ["all[1]/call"] and asked(story) == {"name": "b", "index": 1}
    story.succeed("all[1]/call", 2).then(
        "StepSucceeded all[1]/call 2", 'StepSucceeded all[1]/told "b: 2"',
        'StepSucceeded all ["a: 1","b: 2"]', 'RunSucceeded ["a: 1","b: 2"]',
    )  # fmt: skip


def test_some_go_at_once_and_whoever_ends_makes_room_for_the_next():
    story = Story(EACH % "at_most: 2").start(names=["a", "b", "c"])
    assert scheduled(story) == ["all[0]/call", "all[1]/call"]
    assert scheduled(story.succeed("all[1]/call", 2)) == ["all[2]/call"]
    story.succeed("all[2]/call", 3).succeed("all[0]/call", 1)
    assert told(story.events[-1]) == 'RunSucceeded ["a: 1","b: 2","c: 3"]'


def test_nothing_to_go_through_gives_an_empty_list():
    Story(EACH % "").start(names=[]).then("RunStarted", "StepOpened all", "StepSucceeded all []", "RunSucceeded []")


def test_an_item_that_fails_fails_the_step_and_ends_the_others():
    story = Story(EACH % "at_most: 3").start(names=["a", "b", "c"]).fail("all[1]/call")
    assert [told(event) for event in story.events] == [
        "StepFailed all[1]/call fatal", "StepCancelled all[0]/call", "StepCancelled all[2]/call",
        "StepFailed all fatal", "RunFailed fatal",
    ]  # fmt: skip


def test_with_failed_keep_the_error_stands_at_the_items_place():
    story = Story(EACH % "failed: keep").start(names=["a", "b"]).fail("all[0]/call", message="no")
    assert scheduled(story) == ["all[1]/call"]
    story.succeed("all[1]/call", 2)
    error = {"error": {"class": "fatal", "message": "all[0]/call: no"}}
    assert orjson.loads(story.events[-1].outputs) == [error, "b: 2"]


def test_of_an_item_that_is_done_only_its_result_is_kept():
    story = Story(EACH % "").start(names=[str(n) for n in range(500)])
    for n in range(400):
        story.succeed(f"all[{n}]/call", n)
    run = story.run()
    assert len(run.steps) == 2 and len(run.frames) == 2 and len(story.events) == 4


def test_a_value_that_is_no_list_fails_the_step():
    story = Story(
        'name: e\ninputs: {it: any}\nsteps: [{id: a, each: "{{ inputs.it }}", steps: [{id: b, transform: 1}]}]'
    )
    story.start(it={"x": 1})
    assert "`each` goes through a list, not through dict" in story.events[1].message


def test_a_loop_goes_on_while_the_round_says_so_and_carries_its_output():
    story = Story(LOOP % (5, "")).start()
    assert asked(story) == {"text": "", "index": 0}
    story.succeed("refine[0]/draft", {"text": "better", "score": 5.0})
    assert asked(story) == {"text": "better", "index": 1}
    story.succeed("refine[1]/draft", {"text": "best", "score": 9.0})
    assert told(story.events[-1]) == 'RunSucceeded {"text":"best","score":9.0}'


def test_reaching_max_ends_a_loop_or_fails_it():
    story = Story(LOOP % (2, "")).start().succeed("refine[0]/draft", {"text": "a", "score": 1.0})
    story.succeed("refine[1]/draft", {"text": "b", "score": 1.0})
    assert told(story.events[-1]) == 'RunSucceeded {"text":"b","score":1.0}'
    story = Story(LOOP % (1, ", on_max: fail")).start().succeed("refine[0]/draft", {"text": "a", "score": 1.0})
    assert told(story.events[-1]) == "RunFailed fatal" and "after 1 rounds" in story.events[-1].message


def test_the_thousandth_round_costs_as_many_events_as_the_second():
    story = Story(LOOP % (1_001, "")).start()
    counts = [len(story.succeed(f"refine[{n}]/draft", {"text": "x", "score": 1.0}).events) for n in range(1_000)]
    assert set(counts) == {3} and len(story.run().frames) == 2 and len(story.run().steps) == 2


def test_shapes_stand_in_each_other():
    text = """
name: nested
inputs: {rows: [any]}
steps:
  - id: rows
    each: "{{ inputs.rows }}"
    as: row
    at_most: 2
    steps:
      - id: cells
        each: "{{ row }}"
        as: cell
        steps:
          - id: kind
            switch:
              - when: "double(cell) > 1.0"
                steps:
                  - id: grow
                    loop: {while: "double(round.output) < 10.0", max: 9, first: "{{ cell }}"}
                    steps: [{id: twice, transform: "{{ double(round.output) * 2.0 }}"}]
              - else: true
                steps: [{id: asis, parallel: {x: [{id: v, transform: "{{ cell }}"}]}}]
"""
    story = Story(text).start(rows=[[1, 3], [], [2]])
    assert orjson.loads(story.events[-1].outputs) == [[{"x": 1}, 12.0], [], [16.0]]


def test_each_has_one_refusal_at_its_place():
    assert (
        "`each` goes through a list"
        in problem("- {id: a, each: \"{{ 'x' }}\", steps: [{id: b, transform: 1}]}").message
    )
    assert (
        "`max` is missing in `loop`"
        in problem('- {id: a, loop: {while: "true"}, steps: [{id: b, transform: 1}]}').message
    )


@pytest.mark.parametrize("at", ["all[0]/call", "all[1]/call"])
def test_a_cancelled_run_ends_every_item(at):
    story = Story(EACH % "at_most: 2").start(names=["a", "b"]).cancel()
    assert f"StepCancelled {at}" in [told(event) for event in story.events]
