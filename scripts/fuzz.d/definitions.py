"""Records of `workflow.definitions`, and workflow files that somebody has touched."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from choices import Choices
from documents import LATER, UNHEARD, Message, fingerprint_of
from loop import Loop, must
from values import damaged, made_odd, odd_json, odd_text

from schemas.codec import MARKER, Decoder, encode
from schemas.definitions import AliasMoved, WorkflowPublished
from schemas.workers import WorkerBeat
from streams.definitions import Definitions
from streams.settings import WorkerSettings

ROOT = Path(__file__).parent.parent.parent
SOURCES = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").glob("*.yaml"))]
SOURCES = [source for source in SOURCES if "steps:" in source]
NAMES = ("one", "two", "three", "é", "a@b", "", "x" * 200)


class DefinitionTopic:
    """Records of `workflow.definitions`; now and then somebody starts what stands there."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        self.decoder.learn(fingerprint_of(LATER), LATER)
        self.definitions = Definitions(WorkerSettings(), self.decoder)
        self.loop = Loop("command", self.definitions)
        self.answers: Counter[str] = Counter()
        self._offset = 0

    def case(self, c: Choices) -> None:
        """One record, and the start of the workflow that it may have published."""
        key, value, name = self._record(c)
        self.shown = f"{key!r}: {value!r}"
        catalogue = self.definitions.catalogue
        unreadable, waiting = len(catalogue.unreadable), len(catalogue._waiting)
        catalogue.take(key, value, self._offset)
        self._offset += 1
        if value is None:
            self.answers["tombstone"] += 1
        elif len(catalogue.unreadable) > unreadable:
            self.answers["unreadable, and noted"] += 1
        elif len(catalogue._waiting) > waiting:
            self.answers["waits for its schema"] += 1
        else:
            self.answers["folded"] += 1
        if c.one_in(8):
            self._start(name)

    def _record(self, c: Choices) -> tuple[bytes | None, bytes | None, str]:
        name = c.of(NAMES[:3]) if c.below(8) else c.of((*NAMES, odd_text(c)))
        if c.one_in(12):
            return c.of((name.encode(), f"{name}@latest".encode(), None, c.take(9))), None, name
        kind = c.below(8)
        if kind < 5:
            source = changed_yaml(c, c.of(SOURCES))
            record: Any = WorkflowPublished(name, c.below(4), c.of((f"h{c.below(9)}", odd_text(c))), source)
        elif kind < 7:
            alias = c.of(("latest", "latest", "1", "²", "-1", odd_text(c)))
            record = AliasMoved(name, alias, c.below(4), f"h{c.below(9)}")
        else:
            record = WorkerBeat("w", "s", 1, 1, 0, "0")
        value = encode(made_odd(c, record, 1))
        if c.one_in(8):
            value = damaged(c, value)
        elif c.one_in(8):
            value = MARKER + fingerprint_of(c.of((LATER, UNHEARD))) + value[10:]
        return c.of((name.encode(), c.take(4), None)), value, name

    def _start(self, name: str) -> None:
        """A run of what stands there begins or is refused, and nothing raises; nor for who publishes the next."""
        for published in self.definitions.catalogue.names.values():
            encode(AliasMoved("n", "latest", max(published.newest, published.version_of("h1") or 0) + 1, "h"))
        loop = self.loop
        document = {"workflow": name or "one", "inputs": {}}
        partition = len(name) % 2
        at = loop.offsets["command", partition]
        value = json.dumps(document).encode()
        must(loop.offer("command", Message("c", partition, at, None, value, [])) != "", "a start has no answer")

    def settle(self) -> None:
        """End what was started, and forget what was published."""
        self.loop.settle()
        self.definitions.catalogue.__init__(self.decoder)  # type: ignore[misc]
        self.definitions._compiled.clear()

    def close(self) -> None:
        self.loop.close()


def changed_yaml(c: Choices, source: str) -> str:
    """A workflow file with lines lost, doubled, moved, or holding something else."""
    lines = source.splitlines()
    for _ in range(c.below(4)):
        if not lines:
            break
        at = c.below(len(lines))
        kind = c.below(8)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[c.below(len(lines))])
        elif kind == 2:
            lines[at] = " " * c.below(8) + lines[at].lstrip()
        elif kind == 3:
            lines[at] = lines[at].partition(":")[0] + ": " + json.dumps(odd_json(c))[:2_000]
        elif kind == 4:
            lines[at] = lines[at].replace("{{", c.of(("{{ steps.", "{{ (", "{{ inputs.x + ", "{{", "}}")))
        elif kind == 5:
            lines.insert(
                at, c.of(("x: &a [*a]", "<<: *b", "\t- x", "- " * 90 + "x", "!!python/object:os.system x", "---"))
            )
        elif kind == 6:
            lines[at] = lines[at][: c.below(len(lines[at]) + 1)] + odd_text(c)
        else:
            lines[at] = lines[at].replace("tool", c.of(("model", "wait", "parallel", "each", "transform", "http")))
    return "\n".join(lines)
