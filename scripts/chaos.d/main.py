"""`scripts/chaos`: brokers of its own, the drive, the verdict."""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import report
from drive import Drive
from verdict import judge

from tests.cluster import cluster


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description="Kills everything, and counts what is left.")
    parser.add_argument("--runs", type=int, default=10_000, help="workflow runs (10000)")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long they and the deeds take (10)")
    parser.add_argument("--seed", type=int, default=1, help="draws the workflows and the plan (1)")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="nodes of Apache Kafka (1)")
    parser.add_argument("--json", action="store_true", help="the counts as JSON")
    parser.add_argument(
        "--keep",
        type=Path,
        help="leave the ledger, the workers' logs and, if it does not hold, the records in this folder",
    )
    chosen = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that brokers go away is the point
    with tempfile.TemporaryDirectory(prefix="millrace-chaos-") as made, cluster(nodes=chosen.brokers) as kafka:
        folder = (chosen.keep or Path(made)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        drive = Drive(kafka, folder, chosen.seed, chosen.runs, 60 * chosen.minutes, _progress())
        begun = time.monotonic()
        evidence = asyncio.run(drive.all())
        verdict = judge(evidence)
        if chosen.keep and not verdict.holds:
            report.write_down(evidence, folder)
        more: dict[str, Any] = {
            "killed": len(drive.struck),
            "deeds": drive.deeds,
            "ended_by_themselves": sum(worker.by_itself for worker in (*drive.workers, *drive.left)),
            "seconds": round(time.monotonic() - begun),
            "seed": chosen.seed,
            "brokers": chosen.brokers,
        }
    found = report.figures(verdict, more)
    print(json.dumps(found, indent=2) if chosen.json else report.table(found))
    sys.exit(not found["holds"])


def _progress() -> Any:
    """A line that is written over on a terminal, and one every ten seconds elsewhere."""
    if sys.stderr.isatty():
        return lambda line: print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
    calls = iter(range(1 << 30))
    return lambda line: next(calls) % 10 == 0 and print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
