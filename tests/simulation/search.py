"""Histories one after another by their seeds, in one process or in several."""

import gc
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from multiprocessing import get_context

from tests.simulation import harness
from tests.simulation.mutants import Mutant, planted
from tests.simulation.workflows import library
from tests.simulation.world import History, Plan, World

#: Histories between two looks for what Python can throw away.
COLLECT_EVERY = 4


def simulate(seed: int, plan: Plan) -> History:
    """One history; garbage is collected between histories, not within."""
    history = World(seed, plan).run()
    if seed % COLLECT_EVERY == 0:
        gc.collect()
    return history


def histories(first: int, plan: Plan, jobs: int = 1, mutant: Mutant | None = None) -> Iterator[History]:
    """One history after another, in the order of their seeds, for ever."""
    library()
    return _in_parallel(first, plan, jobs, mutant) if jobs > 1 else _in_turn(first, plan, mutant)


def _in_turn(first: int, plan: Plan, mutant: Mutant | None) -> Iterator[History]:
    with ExitStack() as stack:
        _install(stack, plan, mutant)
        for seed in count(first):
            yield simulate(seed, plan)


def _in_parallel(first: int, plan: Plan, jobs: int, mutant: Mutant | None) -> Iterator[History]:
    with get_context("fork").Pool(jobs, _begin, (plan, mutant)) as pool:
        ahead = deque(pool.apply_async(simulate, (seed, plan)) for seed in range(first, first + 4 * jobs))
        for seed in count(first + 4 * jobs):
            yield ahead.popleft().get()
            ahead.append(pool.apply_async(simulate, (seed, plan)))


#: What a process of a pool has installed stays until it ends.
_kept = ExitStack()


def _begin(plan: Plan, mutant: Mutant | None) -> None:
    _install(_kept, plan, mutant)


def _install(stack: ExitStack, plan: Plan, mutant: Mutant | None) -> None:
    stack.enter_context(harness.installed(plan.trace))
    if mutant is not None:
        stack.enter_context(planted(mutant))
    gc.collect()
    gc.freeze()
    gc.disable()
    stack.callback(gc.unfreeze)
    stack.callback(gc.enable)


def story_of(seed: int, plan: Plan, mutant: Mutant | None = None) -> History:
    """The same history once more, told."""
    told = Plan(plan.runs, plan.every_prefix, trace=True)
    return next(_in_turn(seed, told, mutant))
