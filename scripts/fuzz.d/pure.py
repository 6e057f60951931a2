"""One door on the pure path: cases by the seed, rates, and the first failure made small."""

import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from choices import Choices
from definitions import DefinitionTopic
from loop import ROUND, Loop
from smaller import smaller
from topics import BeatTopic, EventTopic
from writers import SchemaTopic

#: Bytes of choices of a case.
SIZE = 192


class Door(Protocol):
    """What takes cases and counts its answers."""

    answers: Counter[str]
    shown: str
    """The last message, for people."""

    def case(self, c: Choices) -> None: ...

    def settle(self) -> None: ...

    def close(self) -> None: ...


DOORS: dict[str, Callable[[], Door]] = {
    "commands": lambda: Loop("command"),
    "outcomes": lambda: Loop("outcome"),
    "definitions": DefinitionTopic,
    "schemas": SchemaTopic,
    "workers": BeatTopic,
    "events": EventTopic,
}


@dataclass(slots=True)
class Result:
    """What came of a door's cases."""

    door: str
    records: int = 0
    seconds: float = 0.0
    processor: float = 0.0
    """Seconds of the processor, which say more where others use it too."""
    answers: dict[str, int] = field(default_factory=dict)
    failure: str = ""

    @property
    def vanished(self) -> int:
        """Those that nothing answers."""
        return self.records - sum(self.answers.values())


def fuzz(name: str, records: int, seed: int, on_progress: Callable[[int], None]) -> Result:
    """So many cases through a door; ends at the first failure, and with what was done at Ctrl-C."""
    door, result, round_of = DOORS[name](), Result(name), list[bytes]()
    began, used = time.perf_counter(), time.process_time()
    try:
        for number in range(records):
            source = random.Random(f"{seed}/{name}/{number}").randbytes(SIZE)
            round_of.append(source)
            try:
                door.case(Choices(source))
                result.records += 1
                if number % ROUND == ROUND - 1 or number == records - 1:
                    door.settle()
                    round_of.clear()
                    on_progress(number + 1)
            except KeyboardInterrupt:
                break
            except Exception:
                result.failure = f"record {number} of seed {seed}:\n{traceback.format_exc()}{_told(name, round_of)}"
                break
        result.answers = dict(door.answers.most_common())
    finally:
        result.seconds, result.processor = time.perf_counter() - began, time.process_time() - used
        door.close()
    return result


def _told(name: str, cases: list[bytes]) -> str:
    small = smaller(cases, lambda tried: _fails(name, tried, []))
    shown: list[str] = []
    again = _fails(name, small, shown)
    lines = [f"  {number}. {text[:2_000]}" for number, text in enumerate(shown, 1)]
    return "\n".join(
        [f"the smallest that fails ({'again' if again else 'not again: it needs what came before'}):", *lines]
    )


def _fails(name: str, cases: Sequence[bytes], shown: list[str]) -> bool:
    door = DOORS[name]()
    try:
        for source in cases:
            door.shown = ""
            try:
                door.case(Choices(source))
            finally:
                shown.append(door.shown or source.hex())
        door.settle()
    except Exception:
        return True
    finally:
        door.close()
    return False
