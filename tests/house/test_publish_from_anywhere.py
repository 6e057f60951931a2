import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.commands import StartRun
from schemas.topics import COMMANDS
from streams.json_commands import from_json
from streams.topics import ensure_topics
from tests.brokers import Broker

PARTITIONS = 3
EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "publish_from_anywhere"


def needed(*programs: str) -> None:
    if missing := [program for program in programs if shutil.which(program) is None]:
        pytest.skip(f"{' and '.join(missing)} not installed here")


def run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needed("java", "mvn")
    folder = tmp_path_factory.mktemp("jars")
    pom = EXAMPLES / "java" / "pom.xml"
    run("mvn", "-B", "-q", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={folder}")
    return folder


@pytest.fixture(scope="module")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needed("go")
    program = tmp_path_factory.mktemp("go") / "publish"
    run("go", "build", "-o", program, ".", cwd=EXAMPLES / "go")
    return program


@pytest.fixture(params=["python", "kcat", "java", "go"])
def publisher(request: pytest.FixtureRequest, broker: Broker) -> Callable[..., str]:
    """Runs an example with its arguments; what it printed."""
    if request.param == "python":
        return lambda *given, **env: run(sys.executable, EXAMPLES / "python" / "publish.py", *given, **env)
    if request.param == "kcat":
        needed("kcat")
        if broker.name == "embedded":
            pytest.skip("Debian's kcat (librdkafka 2.0) can't read the versions that the embedded broker offers")
        return lambda *given, **env: run(EXAMPLES / "kcat" / "publish", *given, **env)
    if request.param == "java":
        jars = request.getfixturevalue("jars")
        source = EXAMPLES / "java" / "Publish.java"
        return lambda *given, **env: run("java", "-cp", f"{jars}/*", source, *given, **env)
    program = request.getfixturevalue("go_program")
    return lambda *given, **env: run(program, *given, **env)


async def test_each_example_publishes_a_start_event_that_is_understood(
    broker: Broker, publisher: Callable[..., str], topic_prefix: str
) -> None:
    topic = f"{topic_prefix}workflow.commands"
    await ensure_topics(broker.bootstrap, topic_prefix, PARTITIONS, topics=[COMMANDS])
    run_id = publisher(broker.bootstrap, "Grace", MILLRACE_TOPIC_PREFIX=topic_prefix)
    assert re.fullmatch(r"hello-[0-9a-f]{8}", run_id)
    key, value = await only_record(broker.bootstrap, topic)
    assert key == run_id.encode()
    assert from_json(value) == StartRun(command_id=run_id, workflow="hello", inputs=b'{"name":"Grace"}')


async def only_record(bootstrap: str, topic: str) -> tuple[bytes | None, object]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=50)
    async with consumer:
        consumer.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
        await consumer.seek_to_beginning()
        record = await consumer.getone()
        assert record.value is not None
        return record.key, orjson.loads(record.value)
