"""Random workflows, and what could happen to a run of one at any moment."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.story import Story
from workflow.doubt import DECISIONS
from workflow.run import Run

EXECUTED = ["tool: t.x", "tool: t.x, idempotent: true", "model: [claude-haiku-4-5, gemini-2.5-flash], prompt: hi"]
EXECUTED += ["tool: t.x, queue: gpu", "tool: t.x, on_unknown: ask", "model: m, prompt: hi, on_unknown: ask, queue: gpu"]
DECIDED = [
    *("transform: {v: 1}", "wait: {for: 5s}", 'transform: "{{ 1 / inputs.n }}"'),
    *("wait: {signal: go}, timeout: 5s", "wait: {signal: go}, timeout: 5s, on_timeout: continue"),
    "approve: {by: ada, prompt: sure, value: 1}, timeout: 5s, on_timeout: deny",
]


SHAPES: list[Callable[[list[str]], str]] = [
    lambda lists: "parallel: {" + ", ".join(f"x{at}: {body}" for at, body in enumerate(lists)) + "}",
    lambda lists: (
        "switch: [" + ", ".join(f"{{when: inputs.n > {3 * at}, steps: {body}}}" for at, body in enumerate(lists)) + "]"
    ),
    lambda lists: f"switch: [{{else: true, steps: {lists[0]}}}]",
    lambda lists: f'each: "{{{{ [inputs.n, 7] }}}}", steps: {lists[0]}',
    lambda lists: f'each: "{{{{ range(inputs.n) }}}}", at_most: 2, failed: keep, steps: {lists[0]}',
    lambda lists: f"loop: {{while: round.index < inputs.n, max: 3}}, steps: {lists[0]}",
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
        parts.append(draw(st.sampled_from(SHAPES))(lists))
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
    + ["signal", "signal", "approve", "room", "room", "room", "resolve"]
)


def a_live_path(run: Run, pick: int, phase: str) -> str | None:
    paths = [path for path in run.live if run.steps[path].phase == phase]
    return paths[pick % len(paths)] if paths else None


TELL: dict[str, tuple[str, Callable[[Story, str, int, str], Any]]] = {
    "approve": (
        "waiting",
        lambda story, path, pick, run: (story.approve if pick % 2 else story.deny)(path, run_id=run),
    ),
    "room": ("queued", lambda story, path, pick, run: story.room(path, run_id=run)),
    "resolve": ("unsure", lambda story, path, pick, run: story.resolve(path, DECISIONS[pick % 3], run_id=run)),
}


def act(story: Story, verb: str, pick: int, run_id: str = "r") -> None:
    """One message that could come now."""
    story.events = []
    run = story.partition.runs.get(run_id)
    if verb == "start":
        story.start(run_id, n=pick % 5)
    elif verb == "cancel":
        if pick % 7 == 0:
            story.cancel(run_id)
    elif verb == "signal":
        story.signal("go" if pick % 3 else "stop", pick, run_id=run_id)
    elif run is None:
        story.succeed("s0", pick, run_id=run_id)
    elif verb == "resume":
        story.resume(run_id)
    elif verb in TELL:
        phase, tell = TELL[verb]
        tell(story, a_live_path(run, pick, phase) or "s0", pick, run_id)
    elif verb == "timer":
        ring(story, run, pick)
    else:
        answer(story, run, verb, pick)


def ring(story: Story, run: Run, pick: int) -> None:
    """A timer that is armed."""
    for phase in ("resting", "waiting"):
        if (path := a_live_path(run, pick, phase)) is not None:
            story.timer(path, run_id=run.id)
            return
    path = a_live_path(run, pick, "scheduled")
    if path is not None and (due := run.steps[path].deadline) is not None:
        story.timer(path, due=due, run_id=run.id)


def answer(story: Story, run: Run, verb: str, pick: int) -> None:
    """How an attempt ends."""
    scheduled, run_id = a_live_path(run, pick, "scheduled"), run.id
    if verb == "late":
        story.succeed(scheduled or "s0", 1, attempt=99, run_id=run_id)
    elif scheduled is not None:
        {
            "succeed": lambda: story.succeed(scheduled, {"v": pick}, run_id=run_id),
            "fail": lambda: story.fail(scheduled, "fatal", run_id=run_id),
            "fail again": lambda: story.fail(scheduled, "unavailable", run_id=run_id),
            "give back": lambda: story.give_back(scheduled, run_id),
            "lose": lambda: story.lose(scheduled, run_id=run_id),
        }[verb]()
