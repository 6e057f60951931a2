import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.house.tree import PACKAGES, ROOT, files

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")
PINNED = re.compile(r"^([a-z0-9._-]+)==(\S+)([^\n]*)\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_every_module_and_every_file_that_modules_read(wheel: zipfile.ZipFile) -> None:
    meant = {str(path) for path in files() if path.parts[0] in PACKAGES or path.name == "millrace.py"}
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    examples = set(build["targets"]["wheel"]["force-include"].values())
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == meant | examples
    assert any(name.endswith(".avsc") for name in held)
    assert any(name.endswith(".sql") for name in held)


def test_the_wheel_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    folder = next(name for name in wheel.namelist() if name.endswith("METADATA")).rpartition("/")[0]
    assert "millrace = console.__main__:main" in wheel.read(f"{folder}/entry_points.txt").decode()
    assert "Apache License" in wheel.read(f"{folder}/licenses/LICENSE").decode()
    assert "License-Expression: Apache-2.0" in wheel.read(f"{folder}/METADATA").decode()


def test_every_constraint_is_one_version_with_hashes() -> None:
    starts = [line for line in CONSTRAINTS.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(starts) > 50
    assert len(PINNED.findall(CONSTRAINTS)) == len(starts)
    assert "://" not in CONSTRAINTS
    assert "--index" not in CONSTRAINTS and "--find-links" not in CONSTRAINTS


def requirements() -> list[str]:
    return [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]


@pytest.mark.parametrize("text", requirements())
def test_the_constraints_fit_what_pyproject_asks_for(text: str) -> None:
    wanted = Requirement(text)
    name = re.sub(r"[-_.]+", "-", wanted.name).lower()
    versions = [match[1] for match in PINNED.findall(CONSTRAINTS) if match[0] == name]
    assert versions, f"{name} isn't in constraints.txt: run scripts/constraints"
    assert all(wanted.specifier.contains(version) for version in versions), f"{text}: run scripts/constraints"


def test_the_version_that_inner_workings_are_used_of_is_exact() -> None:
    assert "faust-streaming==0.15.3" in PROJECT["dependencies"]


def test_the_editable_install_is_this_tree() -> None:
    import schemas

    assert Path(schemas.__file__).parent.parent == ROOT
