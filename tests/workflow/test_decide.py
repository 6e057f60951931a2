"""What makes a run go on: steps in order, branches, conditions, waits."""

import orjson

from tests.story import Story, call, same

CHAIN = """
name: chain
inputs: {n: integer}
steps:
  - {id: a, tool: t.one, with: {x: "{{ inputs.n }}"}}
  - {id: b, tool: t.two, with: {y: "{{ steps.a.output }}"}}
outputs: {r: "{{ steps.b.output }}"}
"""


def test_a_start_runs_the_first_step():
    Story(CHAIN).start(n=3).then("RunStarted", "StepScheduled a#1")


def test_an_outcome_and_what_it_brings_are_two_records():
    story = Story(CHAIN).start(n=3)
    story.succeed("a", 4).then("StepSucceeded a 4", "StepScheduled b#1")
    story.succeed("b", 5).then("StepSucceeded b 5", 'RunSucceeded {"r":5}')
    assert not story.partition.runs


def test_a_schedule_carries_the_resolved_arguments_and_the_key():
    story = Story(CHAIN).start(n=3)
    scheduled = story.events[1]
    assert scheduled.input == b'{"x":3}' and scheduled.target == "t.one" and scheduled.kind == "tool"
    assert scheduled.key == f"r.{story.run().incarnation:x}/a" and scheduled.worker == "w1"


def test_events_are_numbered_in_the_run_and_since_the_claim():
    story = Story(CHAIN).start(n=3).succeed("a", 1).succeed("b", 1).start("r2", n=1)
    assert [event.n for event in story.history] == list(range(len(story.history)))
    assert [event.seq for event in story.history if event.run_id == "r"] == [1, 2, 3, 4, 5, 6]


PARALLEL = """
name: par
inputs: {n: integer}
steps:
  - id: p
    parallel:
      one: [{id: b, tool: t.x}, {id: c, transform: {v: "{{ steps.b.output }}"}}]
      two: [{id: d, when: inputs.n > 3, tool: t.x}]
  - {id: e, transform: "{{ steps.p.output.one.v }}"}
"""


def test_branches_begin_together_and_are_joined():
    story = (
        Story(PARALLEL)
        .start(n=5)
        .then("RunStarted", "StepOpened p", "StepScheduled p/one/b#1", "StepScheduled p/two/d#1")
    )
    story.succeed("p/two/d", 1).then("StepSucceeded p/two/d 1")
    story.succeed("p/one/b", 2).then(
        "StepSucceeded p/one/b 2",
        'StepSucceeded p/one/c {"v":2}',
        'StepSucceeded p {"one":{"v":2},"two":1}',
        "StepSucceeded e 2",
        "RunSucceeded 2",
    )


def test_a_branch_whose_last_step_is_skipped_has_no_output():
    story = (
        Story(PARALLEL).start(n=1).then("RunStarted", "StepOpened p", "StepScheduled p/one/b#1", "StepSkipped p/two/d")
    )
    story.succeed("p/one/b", 2)
    assert 'StepSucceeded p {"one":{"v":2}}' in [f"StepSucceeded p {e.output.decode()}" for e in story.events[2:3]]


def test_what_ran_inside_a_shape_is_forgotten_once_it_is_joined():
    story = Story(PARALLEL + "  - {id: w, wait: {for: 1s}}\n").start(n=5).succeed("p/two/d", 1).succeed("p/one/b", 2)
    assert set(story.run().steps) == {"p", "e", "w"} and set(story.run().frames) == {""}


NEEDS = """
name: needs
steps:
  - {id: a, tool: t.x}
  - {id: b, needs: [], tool: t.x}
  - {id: c, needs: [a, b], tool: t.x}
"""


def test_needs_replace_the_order():
    story = Story(NEEDS).start().then("RunStarted", "StepScheduled a#1", "StepScheduled b#1")
    story.succeed("b", 1).then("StepSucceeded b 1")
    story.succeed("a", 1).then("StepSucceeded a 1", "StepScheduled c#1")


def test_a_wait_ends_when_its_time_has_come():
    story = Story("name: w\nsteps: [{id: w, wait: {for: 10s}}, {id: t, transform: 1}]").start()
    story.then("RunStarted", "StepWaiting w")
    story.timer("w").then("StepSucceeded w null", "StepSucceeded t 1", "RunSucceeded 1")


def test_a_wait_until_an_instant():
    until = 'name: w\ninputs: {at: string}\nsteps: [{id: w, wait: {until: "{{ inputs.at }}"}}]'
    story = Story(until).start(at="2001-09-09T01:46:40Z").then("RunStarted", "StepWaiting w")
    assert story.events[1].until == 1_000_000_000_000_000
    Story(until).start(at="soon").then("RunStarted", "StepFailed w fatal", "RunFailed fatal")


def test_a_timer_of_the_past_and_one_that_nobody_armed_change_nothing():
    story = Story("name: w\nsteps: [{id: w, wait: {for: 10s}}]").start()
    story.timer("w", due=story.run().steps["w"].due + 5).then_nothing()
    story.timer("x", due=1).then_nothing()


def test_a_timer_does_not_fire_before_its_time():
    story = Story("name: w\nsteps: [{id: w, wait: {for: 10s}}]").start()
    due = story.run().steps["w"].due
    from workflow.messages import TimerDue

    story.take(TimerDue("r", "w", due)).then_nothing()


def test_an_empty_parallel_and_transforms_end_in_one_transition():
    story = Story(
        'name: t\nsteps: [{id: a, transform: {x: 1}}, {id: b, transform: "{{ steps.a.output.x + 1 }}"}]'
    ).start()
    story.then("RunStarted", 'StepSucceeded a {"x":1}', "StepSucceeded b 2", "RunSucceeded 2")


def test_an_expression_that_fails_fails_the_step():
    story = Story('name: t\ninputs: {n: integer}\nsteps: [{id: a, transform: "{{ 1 / inputs.n }}"}]').start(n=0)
    story.then("RunStarted", "StepFailed a fatal", "RunFailed fatal")
    assert "inputs.n" in story.events[1].message


def test_outputs_that_cannot_be_had_fail_the_run():
    story = Story(
        'name: t\ninputs: {n: integer}\nsteps: [{id: a, transform: 1}]\noutputs: {x: "{{ 1 / inputs.n }}"}'
    ).start(n=0)
    story.then("RunStarted", "StepSucceeded a 1", "RunFailed fatal")


def test_a_value_that_does_not_fit_an_event_fails_the_step():
    big = "x" * 70_000
    story = Story(CHAIN).start(n=3).succeed("a", big).then("StepFailed a fatal", "RunFailed fatal")
    assert "70002 bytes" in story.events[0].message


def test_time_never_runs_backwards_in_a_partition():
    story = Story(CHAIN).start(n=3)
    story.now = 5
    story.succeed("a", 1)
    assert all(event.time == 1_000_000 for event in story.events)


def test_resuming_decides_only_what_is_missing():
    story = Story(CHAIN).start(n=3)
    story.resume().then_nothing()
    cut = Story(shelf=story.shelf)
    cut.partition.read(story.history[1])  # RunStarted stands in the log, the schedule does not
    cut.resume().then("StepScheduled a#1")


def test_replay_equals_live():
    story = Story(PARALLEL).start(n=5).succeed("p/one/b", 1).start("r2", n=1)
    assert same(story.replayed(), story.partition)


def test_what_an_expression_may_read_of_the_run_and_its_steps():
    text = """
name: reads
inputs: {n: integer}
steps:
  - {id: a, model: claude-haiku-4-5, prompt: hi}
  - id: b
    transform:
      run: "{{ run.id }}/{{ run.name }}@{{ run.version }} {{ run.status }}"
      status: "{{ steps.a.status }}"
      usd: "{{ steps.a.usage.usd }}"
      tokens: "{{ steps.a.usage.input_tokens + steps.a.usage.output_tokens }}"
      key: "{{ step.key }}"
  - {id: c, tool: t.x, on_error: continue}
  - {id: d, transform: "{{ steps.c.status }}: {{ steps.c.error.message }}"}
  - {id: e, transform: "{{ has(steps.a.error) }}"}
"""
    story = Story(text).start(n=1).succeed("a", "x", calls=[call(input_tokens=3, output_tokens=4, cost=500_000_000)])
    seen = orjson.loads(story.events[1].output)
    assert seen.pop("key") == f"r.{story.run().incarnation:x}/b"
    assert seen == {"run": "r/reads@1 running", "status": "succeeded", "usd": 0.5, "tokens": 7}
    story.fail("c", "fatal", "oh no")
    assert [event.output for event in story.events[1:3]] == [b'"failed: oh no"', b"false"]


def test_branches_read_what_stands_around_them():
    text = """
name: around
steps:
  - {id: a, transform: {x: 5}}
  - id: p
    parallel:
      one: [{id: b, transform: "{{ steps.a.output.x + 1 }}"}, {id: c, transform: "{{ steps.b.output + 1 }}"}]
"""
    Story(text).start().then(
        "RunStarted",
        'StepSucceeded a {"x":5}',
        "StepOpened p",
        "StepSucceeded p/one/b 6",
        "StepSucceeded p/one/c 7",
        'StepSucceeded p {"one":7}',
        'RunSucceeded {"one":7}',
    )


def test_outputs_that_do_not_fit_an_event_fail_the_run():
    half = "x" * 40_000
    steps = "name: big\nsteps: [{id: a, tool: t.x}, {id: b, tool: t.x}]\n"
    story = Story(steps + 'outputs: {a: "{{ steps.a.output }}", b: "{{ steps.b.output }}"}')
    story.start().succeed("a", half).succeed("b", half)
    story.then(f'StepSucceeded b "{half}"', "RunFailed fatal")
    assert "80015 bytes" in story.events[1].message
