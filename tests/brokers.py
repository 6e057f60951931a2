"""The Kafka brokers that tests run on: the embedded one, Apache Kafka as a process, and Apache Kafka in Docker."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache

from streams.broker_features import answers, idempotence_available
from streams.embedded import EmbeddedBroker
from tests.cluster import cluster

IMAGE = "apache/kafka:4.1.0"
NAMES = ("embedded", "kafka", "docker")


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker; `idempotent` says whether it takes idempotent producers."""

    name: str
    bootstrap: str
    idempotent: bool


@contextmanager
def started(name: str) -> Iterator[Broker]:
    """The broker of this name, from start to stop."""
    with _ADDRESSES[name]() as bootstrap:
        yield Broker(name, bootstrap, asyncio.run(idempotence_available(bootstrap)))


@cache
def unavailable(name: str) -> str:
    """Why this machine can't run the broker; empty when it can."""
    if name == "kafka":
        missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
        return f"scripts/kafka needs {' and '.join(missing)}, not found here" if missing else ""
    return _docker_unavailable() if name == "docker" else ""


def _docker_unavailable() -> str:
    if shutil.which("docker") is None:
        return "the docker command isn't installed here"
    if (engine := _run("docker", "info")).returncode:
        return f"no Docker engine answers here ({engine.stderr.strip().splitlines()[-1]})"
    if _run("docker", "image", "inspect", IMAGE).returncode:
        return f"the image {IMAGE} isn't on this machine (docker pull {IMAGE})"
    return ""


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@contextmanager
def embedded() -> Iterator[str]:
    with asyncio.Runner() as runner:
        broker = EmbeddedBroker()
        try:
            yield runner.run(broker.start())
        finally:
            runner.run(broker.stop())


@contextmanager
def kafka(*arguments: str) -> Iterator[str]:
    """Apache Kafka by `scripts/kafka start`, with more arguments for it."""
    with cluster(*arguments) as made:
        yield made.bootstrap


@contextmanager
def docker() -> Iterator[str]:
    """Apache Kafka by testcontainers, on a port chosen beforehand: the broker must know what to advertise."""
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    # Its reaper is an image of its own, and a test must pull none. `with` removes the container.
    testcontainers_config.ryuk_disabled = True
    port = free_port()
    container = DockerContainer(IMAGE)
    container.ports = {"9092/tcp": ("127.0.0.1", port)}  # with_bind_ports would publish it to the network
    for name, value in _container_settings(port).items():
        container.with_env(f"KAFKA_{name}", value)
    with container:
        _wait_until_it_answers(port, lambda: "\n".join(part.decode(errors="replace") for part in container.get_logs()))
        yield f"127.0.0.1:{port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _container_settings(port: int) -> dict[str, str]:
    return {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9094",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        # Inside the container the published port leads nowhere, so the broker talks to itself by a listener of its own.
        "LISTENERS": "CLIENT://:9092,BROKER://:9093,CONTROLLER://:9094",
        "ADVERTISED_LISTENERS": f"CLIENT://127.0.0.1:{port},BROKER://localhost:9093",
        "LISTENER_SECURITY_PROTOCOL_MAP": "CLIENT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "INTER_BROKER_LISTENER_NAME": "BROKER",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "HEAP_OPTS": "-Xmx512m -Xms256m",
    }


def _wait_until_it_answers(port: int, logs: Callable[[], str], timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not asyncio.run(answers("127.0.0.1", port)):
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"Kafka in Docker did not answer on 127.0.0.1:{port} within {timeout:g} s:\n{logs()[-4000:]}"
            )
        time.sleep(0.1)


_ADDRESSES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "embedded": embedded,
    "kafka": kafka,
    "docker": docker,
}
