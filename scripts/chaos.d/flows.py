"""Random workflows that this version runs, drawn from a seed."""

from dataclasses import dataclass
from random import Random
from typing import Any

import yaml

#: Its workers run some of the tools.
QUEUE = "side"
LEDGER = {"ledger": "{{ inputs.ledger }}"}
#: Kills come more often here than anywhere: a step is not given up because its workers were.
PATIENT = {"attempts": 30, "backoff": "100ms", "factor": 1.5, "max": "2s"}


@dataclass(frozen=True, slots=True)
class Flow:
    """A workflow and what its runs may end as; `certain`: whether nothing but success is right."""

    name: str
    source: str
    certain: bool


def flows(seed: int, count: int) -> list[Flow]:
    """So many workflows, after the one that is a child of theirs."""
    leaf = _Drawn(Random(f"{seed}/leaf"))
    drawn = [_flow(Random(f"{seed}/{number}"), f"flow{number}") for number in range(count)]
    return [_written("leaf", [{"id": "s1", **leaf.act()}, {"id": "s2", **leaf.act()}], certain=True), *drawn]


def _flow(chance: Random, name: str) -> Flow:
    steps = _Drawn(chance).steps(depth=2, most=5)
    kind = chance.random()
    if kind < 0.08:
        steps.append({"id": "doom", "tool": "effects.break_down", "with": LEDGER})
    elif kind < 0.16:
        risk = {"id": "risk", "tool": "effects.act", "with": {**LEDGER, "seconds": 0.2}, "retry": PATIENT}
        steps.insert(0, risk)  # not idempotent: fails as `unknown` when its worker is lost
    return _written(name, steps, certain=kind >= 0.16)


def _written(name: str, steps: list[dict[str, Any]], certain: bool) -> Flow:
    source = yaml.safe_dump({"name": name, "inputs": {"ledger": "string"}, "steps": steps}, sort_keys=False)
    return Flow(name, source, certain)


class _Drawn:
    """Steps with ids of their own."""

    def __init__(self, chance: Random) -> None:
        self._chance, self._count = chance, 0

    def steps(self, depth: int, most: int) -> list[dict[str, Any]]:
        """A list of one to `most` steps, shapes inside shapes down to a depth."""
        return [self._step(depth) for _ in range(self._chance.randint(1, most))]

    def _step(self, depth: int) -> dict[str, Any]:
        self._count += 1
        step: dict[str, Any] = {"id": f"s{self._count}"}
        kinds = [self.act, self.act, self.act, self._block, self._stumble, self._wait, self._model, self._transform]
        if depth:
            kinds += [self._parallel, self._parallel, self._each, self._loop, self._switch, self._child]
        step |= self._chance.choice(kinds)(depth)
        return step

    def act(self, _depth: int = 0) -> dict[str, Any]:
        return self._tool("act", seconds=round(self._chance.choice((0.0, 0.01, 0.05, 0.3, 1.0)), 3))

    def _block(self, _depth: int) -> dict[str, Any]:
        return self._tool("block", seconds=0.02)

    def _stumble(self, _depth: int) -> dict[str, Any]:
        return self._tool("stumble", times=self._chance.randint(0, 2))

    def _tool(self, name: str, **arguments: Any) -> dict[str, Any]:
        queue = {"queue": QUEUE} if self._chance.random() < 0.2 else {}
        given = {"with": {**LEDGER, **arguments}, "idempotent": True, "retry": PATIENT, **queue}
        return {"tool": f"effects.{name}", **given}

    def _wait(self, _depth: int) -> dict[str, Any]:
        return {"wait": {"for": self._chance.choice(("50ms", "300ms", "2s"))}}

    def _model(self, _depth: int) -> dict[str, Any]:
        return {"model": "claude-haiku-4-5", "prompt": "Say something.", "max_tokens": 20, "retry": PATIENT}

    def _transform(self, _depth: int) -> dict[str, Any]:
        return {"transform": {"n": self._chance.randint(0, 9)}}

    def _each(self, depth: int) -> dict[str, Any]:
        count, at_most = self._chance.randint(0, 4), self._chance.randint(1, 3)
        return {"each": f"{{{{ range({count}) }}}}", "at_most": at_most, "steps": self.steps(depth - 1, most=2)}

    def _loop(self, depth: int) -> dict[str, Any]:
        turns = {"while": f"round.index < {self._chance.randint(0, 2)}", "max": 3, "first": 0}
        return {"loop": turns, "steps": self.steps(depth - 1, most=2)}

    def _switch(self, depth: int) -> dict[str, Any]:
        case = {"when": f"size(run.id) % 2 == {self._chance.randint(0, 1)}", "steps": self.steps(depth - 1, most=2)}
        return {"switch": [case, {"else": True, "steps": self.steps(depth - 1, most=1)}]}

    def _child(self, _depth: int) -> dict[str, Any]:
        return {"workflow": "leaf", "with": LEDGER}

    def _parallel(self, depth: int) -> dict[str, Any]:
        branches = self._chance.randint(2, 3)
        return {"parallel": {f"b{n}": self.steps(depth - 1, most=2) for n in range(branches)}}
