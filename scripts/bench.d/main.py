"""`scripts/bench`: the workloads on each broker, a table, the ratios to the yardstick."""

import argparse
import json
import logging
import sys
from contextlib import AbstractContextManager
from typing import Any

import core
import loads
import models
import recovery
import restart
import structlog
import uvloop
from report import table

from tests import brokers

BROKERS = ("kafka", "kafka-fsync", "embedded")


def started(name: str) -> AbstractContextManager[str]:
    """A broker of its own; its address."""
    if name == "embedded":
        return brokers.embedded()
    return brokers.kafka("--flush-each") if name == "kafka-fsync" else brokers.kafka()


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures the loop against raw Kafka.")
    parser.add_argument("--broker", action="append", choices=BROKERS, help="only on these (all)")
    parser.add_argument("--quick", action="store_true", help="a fifth of the runs")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--models", action="store_true", help="model steps over the bare calls of the SDKs; no broker")
    chosen = parser.parse_args()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    if chosen.models:
        print(json.dumps(uvloop.run(models.measure(0.2 if chosen.quick else 1.0)), indent=2))
        return
    found: dict[str, dict[str, Any]] = {"core": core.measure()}
    for name in chosen.broker or BROKERS:
        print(f"{name} …", file=sys.stderr, flush=True)
        with started(name) as bootstrap:
            found[name] = uvloop.run(loads.measure(name, bootstrap, 0.2 if chosen.quick else 1.0))
            found[name]["restart"] = uvloop.run(restart.measure(bootstrap, 0.2 if chosen.quick else 1.0))
            found[name]["recovery"] = uvloop.run(recovery.measure(name, bootstrap, 0.02 if chosen.quick else 1.0))
    print(json.dumps(found, indent=2) if chosen.json else table(found))


if __name__ == "__main__":
    main()
