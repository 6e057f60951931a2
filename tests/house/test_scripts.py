import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.broker_features import answers
from tests import brokers
from tests.house.tree import ROOT, files, text

SCRIPTS = sorted(path for path in files() if path.parent == Path("scripts"))


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_a_script_is_executable_and_tells_from_anywhere_what_it_does(script: Path, tmp_path: Path) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert script.suffix == ""
    done = run(ROOT / script, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"scripts/{script.name}" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_linked_script_finds_its_tree(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.symlink_to(ROOT / "scripts")
    assert run(folder / "check", "--help", cwd=tmp_path).returncode == 0


def test_continuous_integration_runs_the_checks_and_the_tests_as_anyone_does() -> None:
    lines = text(Path(".ci/run")).splitlines()
    assert lines[-2:] == ["scripts/check", "scripts/test"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of the scripts and what they read, with an environment whose programs note their calls."""
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    version = next(
        line.split("==")[1].split(" ")[0]
        for line in text(Path("constraints.txt")).splitlines()
        if line.startswith("uv==")
    )
    fakes = {
        "python": 'echo "python $*" >> calls',
        "uv": f'[ "$1" != --version ] || exec echo uv {version}; echo "uv $*" >> calls',
    }
    for name, body in fakes.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\ncd "{tmp_path}"\n{body}\n', encoding="utf-8")
        program.chmod(0o755)
    return tmp_path


def test_an_environment_is_brought_up_to_date_once_and_again_when_the_packages_change(tree: Path) -> None:
    def installed() -> list[str]:
        done = run(tree / "scripts" / "venv")
        assert done.returncode == 0, done.stderr
        calls = (tree / "calls").read_text(encoding="utf-8").splitlines() if (tree / "calls").exists() else []
        (tree / "calls").unlink(missing_ok=True)
        return [call for call in calls if call.startswith("uv")]

    first = installed()
    assert [call.split()[1:3] for call in first] == [["pip", "sync"], ["pip", "install"]]
    assert "--require-hashes" in first[0]
    assert "--no-deps" in first[1]
    assert installed() == []
    with (tree / "constraints.txt").open("a", encoding="utf-8") as constraints:
        constraints.write("# another\n")
    assert installed() == first


def test_an_old_python_is_refused_with_the_remedy(tree: Path) -> None:
    shutil.rmtree(tree / ".venv")
    done = run(tree / "scripts" / "test", env={**os.environ, "MILLRACE_PYTHON": "false"})
    assert done.returncode == 1
    assert "MILLRACE_PYTHON=python3.11" in done.stderr


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if reason := brokers.unavailable("kafka"):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("kafka")
    yield folder
    run(ROOT / "scripts" / "kafka", "stop", "--data", folder)


async def test_kafka_starts_once_a_folder_tells_its_state_and_stops(data: Path) -> None:
    def kafka(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run(ROOT / "scripts" / "kafka", *arguments, "--data", data)

    address = kafka("start", "--port", "0", "--flush-each").stdout.strip()
    host, _, port = address.rpartition(":")
    assert host == "127.0.0.1"
    assert await answers(host, int(port))
    assert "log.flush.interval.messages=1" in (data / "server.properties").read_text(encoding="utf-8")
    again = kafka("start")
    assert again.stdout.strip() == address
    assert "runs already" in again.stderr
    assert address in kafka("status").stdout
    taken = run(ROOT / "scripts" / "kafka", "start", "--port", port, "--data", data / "another")
    assert taken.returncode == 1
    assert f"127.0.0.1:{port} is taken" in taken.stderr
    assert kafka("stop").returncode == 0
    assert not await answers(host, int(port))
    assert "no broker runs" in kafka("stop").stderr


def test_kafka_tells_how_it_is_used_when_it_is_not_told_what_to_do() -> None:
    assert run(ROOT / "scripts" / "kafka").returncode == 2
    unknown = run(ROOT / "scripts" / "kafka", "start", "--prot", "9092")
    assert unknown.returncode == 1
    assert "unknown argument: --prot" in unknown.stderr
