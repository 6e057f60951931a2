"""What a step costs before anything is sent: decide and fold, encode and decode, in µs of this process."""

import time
from collections.abc import Callable
from typing import Any

from schemas.codec import decode, encode
from schemas.events import StepScheduled
from schemas.message import Event
from tests.story import Shelf, Story


def chain(steps: int) -> str:
    """A workflow of so many no-op tool steps, one after another."""
    return "name: chain\nsteps:\n" + "".join(f"  - {{id: s{n}, tool: t.noop}}\n" for n in range(steps))


def best(work: Callable[[], Any], repeat: int = 3, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the quickest of some runs."""
    times = []
    for _ in range(repeat):
        begun = clock()
        work()
        times.append(clock() - begun)
    return min(times)


def run_through(shelf: Shelf, runs: int) -> list[Event]:
    """The history of runs whose every step succeeds."""
    story = Story(shelf=shelf)
    for number in range(runs):
        story.start(f"r{number}")
        while (run := story.partition.runs.get(f"r{number}")) is not None:
            story.succeed(next(iter(run.live)), None, run_id=f"r{number}")
    return story.history


def measure() -> dict[str, float]:
    """Per step of a short and of a long run, and per record of the codec."""
    tiny, huge = Shelf(chain(10)), Shelf(chain(10_000))
    long, short = best(lambda: run_through(huge, 1)), best(lambda: run_through(tiny, 1_000))
    history = run_through(tiny, 1_000)
    typical = next(event for event in history if isinstance(event, StepScheduled))
    values = [encode(event) for event in history]
    return {
        "decide_us_per_step": short / 10_000 * 1e6,
        "record_cost_10000_steps_to_10_steps": (long / 20_002) / (short / 22_000),
        "encode_us_per_record": best(lambda: [encode(event) for event in history]) / len(history) * 1e6,
        "decode_us_per_record": best(lambda: [decode(value) for value in values]) / len(values) * 1e6,
        "bytes_of_a_schedule": len(encode(typical)),
    }
