"""Random workflows under random messages: replayed state equals live state after every message, nothing raises."""

from copy import deepcopy
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import events as e
from schemas import partition as p
from tests.story import Shelf, Story, claim, same
from workflow.run import Run

EXECUTED = ["tool: t.x", "tool: t.x, idempotent: true", "model: [claude-haiku-4-5, gemini-2.5-flash], prompt: hi"]
DECIDED = [
    *("transform: {v: 1}", "wait: {for: 5s}", 'transform: "{{ 1 / inputs.n }}"'),
    *("wait: {signal: go}, timeout: 5s", "wait: {signal: go}, timeout: 5s, on_timeout: continue"),
    "approve: {by: ada, prompt: sure, value: 1}, timeout: 5s, on_timeout: deny",
]


@st.composite
def step_lists(draw: Any, depth: int, prefix: str) -> str:
    """A flow list of steps whose ids begin with `prefix`."""
    names = [f"{prefix}{number}" for number in range(draw(st.integers(1, 3)))]
    return "[" + ", ".join(draw(steps(depth, name, names[:at])) for at, name in enumerate(names)) + "]"


@st.composite
def steps(draw: Any, depth: int, name: str, before: list[str]) -> str:
    parts = [f"id: {name}"]
    if depth and draw(st.booleans()):
        lists = [draw(step_lists(depth - 1, f"{name}{letter}")) for letter in "ab"[: draw(st.integers(1, 2))]]
        parts.append("parallel: {" + ", ".join(f"x{at}: {body}" for at, body in enumerate(lists)) + "}")
    else:
        parts.append(draw(st.sampled_from(EXECUTED + DECIDED)))
        if "tool" in parts[-1] or "model" in parts[-1]:
            parts.append(draw(st.sampled_from(["", "retry: {attempts: 2, backoff: 1s}", "deadline: 30s"])))
    if draw(st.integers(0, 3)) == 0:
        parts.append("when: inputs.n > 2")
    if before and draw(st.booleans()):
        parts.append("needs: [" + ", ".join(sorted(draw(st.sets(st.sampled_from(before))))) + "]")
    catch = draw(st.sampled_from(["", "", "on_error: continue", "steps"]))
    parts.append(f"on_error: [{{id: {name}_fix, tool: t.fix}}]" if catch == "steps" else catch)
    return "{" + ", ".join(part for part in parts if part) + "}"


workflows = step_lists(2, "s").map(lambda body: f"name: random\ninputs: {{n: integer}}\ndeadline: 1h\nsteps: {body}\n")

verbs = st.sampled_from(
    ["succeed"] * 8
    + ["fail", "fail again", "give back", "lose", "timer", "timer", "late", "cancel", "resume", "start"]
    + ["signal", "signal", "approve"]
)


def a_live_path(run: Run, pick: int, phase: str) -> str | None:
    paths = [path for path in run.live if run.steps[path].phase == phase]
    return paths[pick % len(paths)] if paths else None


def act(story: Story, verb: str, pick: int) -> None:
    """One message that could come now."""
    story.events = []
    run = story.partition.runs.get("r")
    if verb == "start":
        story.start("r", n=pick % 5)
    elif verb == "cancel":
        if pick % 7 == 0:
            story.cancel()
    elif verb == "signal":
        story.signal("go" if pick % 3 else "stop", pick)
    elif run is None:
        story.succeed("s0", pick)
    elif verb == "approve":
        (story.approve if pick % 2 else story.deny)(a_live_path(run, pick, "waiting") or "s0")
    elif verb == "resume":
        story.resume()
    elif verb == "timer":
        ring(story, run, pick)
    else:
        answer(story, verb, pick, a_live_path(run, pick, "scheduled"))


def ring(story: Story, run: Run, pick: int) -> None:
    """A timer that is armed."""
    for phase in ("resting", "waiting"):
        if (path := a_live_path(run, pick, phase)) is not None:
            story.timer(path)
            return
    path = a_live_path(run, pick, "scheduled")
    if path is not None and (due := run.steps[path].deadline) is not None:
        story.timer(path, due=due)


def answer(story: Story, verb: str, pick: int, scheduled: str | None) -> None:
    """How an attempt ends."""
    if verb == "late":
        story.succeed(scheduled or "s0", 1, attempt=99)
    elif scheduled is not None:
        {
            "succeed": lambda: story.succeed(scheduled, {"v": pick}),
            "fail": lambda: story.fail(scheduled, "fatal"),
            "fail again": lambda: story.fail(scheduled, "unavailable"),
            "give back": lambda: story.give_back(scheduled),
            "lose": lambda: story.lose(scheduled),
        }[verb]()


moves = st.lists(st.tuples(verbs, st.integers(0, 20)), max_size=25)
quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(workflows, st.integers(0, 5), moves)
def test_replay_equals_live_after_every_message(text: str, n: int, messages: list[tuple[str, int]]) -> None:
    story = Story(shelf=Shelf(text))
    reader = story.replayed()
    story.start("r", n=n)
    for verb, pick in [("resume", 0), *messages]:
        for event in story.events:
            assert not isinstance(event, p.RunQuarantined), event.traceback
            assert reader.read(event)
        assert same(reader, story.partition)
        act(story, verb, pick)
    seqs = [event.seq for event in story.history if event.run_id == "r" and event.seq]
    assert all(after in (before + 1, 1) for before, after in pairwise(seqs))


def drive(story: Story) -> None:
    """Let everything succeed until the run ends."""
    for _ in range(200):
        run = story.partition.runs.get("r")
        if run is None:
            return
        for phase in ("scheduled", "resting", "waiting"):
            if (path := a_live_path(run, 0, phase)) is not None:
                story.succeed(path, {"v": 1}) if phase == "scheduled" else story.timer(path)
                break
    raise AssertionError("the run does not end")


@quick
@given(workflows, st.integers(0, 5), moves, st.integers(0, 60))
def test_a_run_cut_off_after_any_record_goes_on_under_a_new_owner(
    text: str, n: int, messages: list[tuple[str, int]], cut: int
) -> None:
    """Batches may land in part: whatever prefix stands, the next owner decides what is missing, and the run ends."""
    story = Story(shelf=Shelf(text)).start("r", n=n)
    for verb, pick in messages:
        act(story, verb, pick)
    heir = Story(shelf=story.shelf)
    heir.history = heir.history[:0] + deepcopy(story.history[: 1 + cut])
    heir.partition = heir.replayed()
    new = claim(2, "w2", heir.partition.time)
    assert heir.partition.read(new)
    heir.history.append(new)
    heir.now = max(story.now, heir.partition.time)
    if "r" not in heir.partition.runs:
        return
    heir.resume()
    drive(heir)
    ends = [x for x in heir.history if isinstance(x, e.RunSucceeded | e.RunFailed | e.RunCancelled)]
    assert ends and same(heir.replayed(), heir.partition)
    done = [(x.path, x.attempt) for x in heir.history if isinstance(x, e.StepSucceeded) and x.attempt]
    incarnations = sum(isinstance(x, e.RunStarted) for x in heir.history)
    assert incarnations > 1 or len(done) == len(set(done)), "an attempt succeeded twice"
