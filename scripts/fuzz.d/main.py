"""`scripts/fuzz`: every door, a progress bar, a table."""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any

import structlog
from pure import DOORS, Result, fuzz
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from running import Answered, through_a_worker

from tests import brokers


def main() -> int:
    chosen = _arguments()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    results = _through_broker(chosen) if chosen.broker else _pure(chosen)
    failed = [result for result in results if result.failure or result.vanished > 0]
    if chosen.json:
        print(json.dumps([_figures(result) for result in results], indent=2))
    else:
        for result in results:
            _tell(result)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Throws generated records at every door.")
    parser.add_argument("--records", type=int, default=20_000, help="through each door (20000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same records (1)")
    parser.add_argument("--door", action="append", choices=[*DOORS], help="only this one; may be repeated")
    parser.add_argument("--broker", choices=("embedded", "kafka"), help="through a worker on this broker")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    return parser.parse_args()


def _pure(chosen: argparse.Namespace) -> list[Result]:
    columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    results = []
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for name in chosen.door or DOORS:
            bar = progress.add_task(name, total=chosen.records)
            results.append(
                fuzz(name, chosen.records, chosen.seed, lambda done, bar=bar: progress.update(bar, completed=done))
            )
    return results


def _through_broker(chosen: argparse.Namespace) -> list[Answered]:
    with brokers.started(chosen.broker) as broker:
        return [asyncio.run(through_a_worker(broker, chosen.records, chosen.seed))]


def _figures(result: Any) -> dict[str, Any]:
    rate = round(result.records / result.seconds) if result.seconds else 0
    return {**asdict(result), "vanished": result.vanished, "per_second": rate}


def _tell(result: Any) -> None:
    rate = result.records / result.seconds if result.seconds else 0
    print(f"{result.door}: {result.records:,} in, {result.vanished} vanished, {rate:,.0f}/s")
    for answer, count in result.answers.items():
        print(f"  {count:>9,}  {answer}")
    if result.failure:
        print(f"FAILED: {result.failure}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
