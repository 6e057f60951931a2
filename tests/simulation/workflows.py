"""Random small workflows: written once a process, published in each world at times of its own."""

from functools import cache
from random import Random

from workflow.definition import Workflow
from workflow.parse.load import load

#: How many different workflows the worlds draw from.
LIBRARY = 60

EXECUTED = (
    "tool: t.x, idempotent: true",
    "tool: t.x, idempotent: true, retry: {attempts: 3, backoff: 1s}",
    "tool: t.x, idempotent: true, retry: {attempts: 2, backoff: 100ms}, deadline: 30s",
    "model: [claude-haiku-4-5, gemini-2.5-flash], prompt: hi, retry: {attempts: 3, backoff: 500ms}",
    'tool: t.x, with: {n: "{{ inputs.n }}"}',
)
WAITING = (
    "wait: {signal: go}, timeout: 4s, on_timeout: continue",
    "approve: {by: [ops], prompt: well?}, timeout: 4s, on_timeout: deny",
    "publish: {topic: out, value: {n: 1}}",
)
DECIDED = ('transform: {v: "{{ inputs.n }}"}', "wait: {for: 2s}", "wait: {for: 100ms}")


class Writer:
    """Writes one workflow after another from one source of chance."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def workflow(self, name: str, known: int) -> str:
        """One that may start any of the first `known` ones as children."""
        self._known = known
        deadline = self._random.choice(("1h", "1h", "1h", "20s"))
        return f"name: {name}\ninputs: {{n: integer}}\ndeadline: {deadline}\nsteps: {self._steps('s', 2)}\n"

    def _steps(self, prefix: str, depth: int) -> str:
        names = [f"{prefix}{number}" for number in range(self._random.choice((1, 1, 2, 2, 3)))]
        return "[" + ", ".join(self._step(name, names[:at], depth) for at, name in enumerate(names)) + "]"

    def _step(self, name: str, before: list[str], depth: int) -> str:
        random = self._random
        parts = [f"id: {name}", self._kind(name, depth)]
        if random.random() < 0.15:
            parts.append("when: inputs.n > 2")
        if before and random.random() < 0.3:
            parts.append(f"needs: [{', '.join(sorted(random.sample(before, random.randint(0, len(before)))))}]")
        if random.random() < 0.2:
            parts.append(random.choice(("on_error: continue", f"on_error: [{{id: {name}_fix, {EXECUTED[0]}}}]")))
        return "{" + ", ".join(parts) + "}"

    def _kind(self, name: str, depth: int) -> str:
        pick = self._random.random()
        if depth and pick < 0.2:
            return self._shape(name, depth - 1)
        if self._known and pick < 0.26:
            return f"workflow: w{self._random.randrange(self._known)}, with: {{n: 3}}, deadline: 60s"
        return self._random.choice(EXECUTED if pick < 0.8 else DECIDED if pick < 0.9 else WAITING)

    def _shape(self, name: str, depth: int) -> str:
        one, other = (self._steps(f"{name}{letter}", depth) for letter in "ab")
        return self._random.choice(
            (
                f"parallel: {{a: {one}, b: {other}}}",
                f"parallel: {{a: {one}, b: {other}}}",
                f"each: '{{{{ [1, 2, 3] }}}}', at_most: 2, steps: {one}",
                f"loop: {{while: round.index < 1, max: 3, first: 0}}, steps: {one}",
                f"switch: [{{when: inputs.n > 2, steps: {one}}}, {{else: true, steps: {other}}}]",
            )
        )


@cache
def library() -> tuple[Workflow, ...]:
    """The workflows, compiled."""
    writer = Writer(Random(20))
    return tuple(load(writer.workflow(f"w{number}", number // 2)) for number in range(LIBRARY))


class Shelf:
    """`workflow.definitions` of one world: what is published, and since when."""

    def __init__(self) -> None:
        self.published: dict[str, tuple[float, Workflow]] = {}
        self.names: dict[str, str] = {}

    def publish(self, workflow: Workflow, now: float) -> None:
        self.published[workflow.version_hash] = (now, workflow)
        self.names[workflow.name] = workflow.version_hash

    def get(self, definition: str) -> Workflow | None:
        """What is published at all, whoever knows of it."""
        found = self.published.get(definition)
        return found[1] if found else None

    def resolve(self, reference: str) -> tuple[str, int, str] | None:
        definition = self.names.get(reference)
        return (reference, 1, definition) if definition else None
