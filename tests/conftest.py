"""What tests of several packages need: a Kafka broker of each kind, and topics that no other test uses."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from tests import brokers
from tests.brokers import Broker
from tests.s3 import served


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--broker",
        action="append",
        choices=brokers.NAMES,
        help="run the tests that need a Kafka broker on this one only (may be repeated); by default on embedded and "
        "kafka, and those marked `core` on docker too",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "broker" in metafunc.fixturenames:
        metafunc.parametrize("broker", _chosen(metafunc), indirect=True, scope="session")


def _chosen(metafunc: pytest.Metafunc) -> list[str]:
    marks = {mark.name: mark for mark in metafunc.definition.iter_markers()}
    chosen: list[str] = metafunc.config.getoption("broker") or [*brokers.NAMES[: 3 if "core" in marks else 2]]
    fitting = marks["brokers"].args if "brokers" in marks else brokers.NAMES
    return [name for name in chosen if name in fitting]


@pytest.fixture(scope="session")
def started() -> Iterator[Callable[[str], Broker]]:
    """Brokers by name: started when a test first asks for one, and kept until the last test is done."""
    with ExitStack() as running:
        yield cache(lambda name: running.enter_context(brokers.started(name)))


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest, started: Callable[[str], Broker]) -> Broker:
    """A running broker: a test that asks for it runs once on each that was chosen and can be had here."""
    if reason := brokers.unavailable(request.param):
        pytest.skip(f"broker {request.param}: {reason}")
    return started(request.param)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The URL of a bucket in an S3 of our own, found through the environment while the tests run."""
    with served() as environment, pytest.MonkeyPatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        yield "s3://backups"


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that gives a test topics of its own on a broker that it shares."""
    return f"t{uuid.uuid4().hex[:8]}."


@pytest.fixture
def unmeasured() -> dict[str, str]:
    """An environment for processes whose speed is tested: a run that measures coverage would slow them down."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
