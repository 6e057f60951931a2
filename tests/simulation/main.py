"""`scripts/simulate`: how many histories hold, the story of the first that does not, how fast each mutant is found."""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.search import histories, story_of
from tests.simulation.world import History, Plan

#: Histories after which a mutant counts as not found.
MOST = 2_000
#: Runs of a history in which a mutant is looked for.
SMALL = 60


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/simulate",
        description="Runs the real loop on a broker, a group and clocks in memory, through crashes, zombies, lost acks,"
        " late and doubled messages, rebalances and clock jumps, and checks what must always hold.",
    )
    parser.add_argument("--runs", type=int, default=20_000, help="workflow runs, over all histories (20,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first history; each has the next one (0)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--every-prefix", action="store_true", help="compare live and replayed state at each event")
    parser.add_argument("--trace", action="store_true", help="tell the history of --seed, whatever it comes to")
    parser.add_argument("--mutants", action="store_true", help="break each rule, and say how fast it is found")
    parser.add_argument("--rule", type=int, help="with --mutants: only those of this rule")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    return parser.parse_args()


def main() -> int:
    chosen = arguments()
    plan = Plan(every_prefix=chosen.every_prefix)
    if chosen.trace:
        return tell(story_of(chosen.seed, plan))
    if chosen.mutants:
        return find(chosen)
    return search(chosen, plan)


def search(chosen: argparse.Namespace, plan: Plan) -> int:
    """Histories until so many runs are simulated, or one does not hold."""
    totals: Counter[str] = Counter()
    began, cpu = time.perf_counter(), 0.0
    for history in histories(chosen.seed, plan, chosen.jobs):
        cpu += history.cpu
        totals.update(history.counts, histories=1, runs=history.runs)
        if history.violations:
            return tell(story_of(history.seed, plan))
        if totals["histories"] % 50 == 0:
            progress(f"{totals['runs']:,} of {chosen.runs:,} runs, {totals['runs'] / cpu:,.0f} a second and core")
        if totals["runs"] >= chosen.runs:
            break
    progress("")
    wall = time.perf_counter() - began
    figures = {"seconds": round(wall, 1), "runs_per_second_and_core": round(totals["runs"] / cpu), **totals}
    print(json.dumps(figures, indent=2) if chosen.json else "\n".join(summary(figures)))
    return 0


def summary(figures: dict[str, Any]) -> Iterator[str]:
    yield f"{figures['runs']:,} runs in {figures['histories']:,} histories, no violation."
    yield f"{figures['runs_per_second_and_core']:,} runs a second and core; {figures['seconds']:,} s in all."
    told = ("claims", "void", "begun", "prefixes compared", "StepScheduled", "StepReleased", "OutcomeIgnored")
    yield ", ".join(f"{name} {figures[name]:,}" for name in told if name in figures)


def tell(history: History) -> int:
    """A history as a story; what is wrong with it stands at its end."""
    print("\n".join(history.trace))
    for violation in history.violations:
        print(f"VIOLATION  seed {history.seed}: {violation}")
    if not history.violations:
        print(f"seed {history.seed}: {history.runs} runs, {history.seconds:.0f} virtual seconds, no violation")
    return 1 if history.violations else 0


def found(mutant: Mutant, plan: Plan, first: int, jobs: int = 1) -> tuple[int, History] | None:
    """After how many histories a mutant is found, and in which."""
    for number, history in zip(count(1), histories(first, plan, jobs, mutant)):
        if history.violations:
            return number, history
        if number >= MOST:
            return None
    return None


def find(chosen: argparse.Namespace) -> int:
    """Each mutant in turn."""
    missed = 0
    rows = []
    for mutant in MUTANTS:
        if chosen.rule not in (None, mutant.rule):
            continue
        hit = found(mutant, Plan(SMALL), chosen.seed, chosen.jobs)
        missed += hit is None
        rows.append({"rule": mutant.rule, "mutant": mutant.what, "histories": hit and hit[0]})
        if not chosen.json:
            told = f"after {hit[0]:>4} histories: {hit[1].violations[0]}" if hit else "NOT FOUND"
            print(f"rule {mutant.rule:>2}  {mutant.what:56}  {told[:150]}", flush=True)
    if chosen.json:
        print(json.dumps(rows, indent=2))
    return 1 if missed else 0


def progress(text: str) -> None:
    """On a terminal, in place."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
