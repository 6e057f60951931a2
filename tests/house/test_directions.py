import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT

TOOLS = Path(sys.executable).parent


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [TOOLS / "lint-imports", "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True)


def test_imports_go_the_allowed_ways_only() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("package", "line"),
    [
        ("schemas", "import workflow"),
        ("workflow", "import steps"),
        ("workflow", "import time"),
        ("workflow", "import asyncio"),
        ("workflow", "import aiokafka"),
        ("steps", "import workflow"),
        ("streams", "import projections"),
        ("streams", "import console"),
        ("projections", "import streams"),
        ("projections", "import steps"),
        ("console", "import streams.owner"),
    ],
)
def test_a_forbidden_import_is_found(package: str, line: str, tmp_path: Path) -> None:
    # A small house of the same plan: the contracts are what is tested, not our modules.
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    for module in ("streams/owner.py", "workflow/decide.py"):
        (tmp_path / module).touch()
    assert lint_imports(tmp_path).returncode == 0
    (tmp_path / package / "wrong.py").write_text(f"{line}\n", encoding="utf-8")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout


@pytest.mark.parametrize(
    "code", ["import time", "from datetime import datetime\ndatetime.now()", "import random", "import os"]
)
def test_clock_and_chance_are_banned_in_workflow_and_there_alone(code: str) -> None:
    def banned(module: str) -> bool:
        command = [TOOLS / "ruff", "check", "--no-cache", "--select", "TID251", "--stdin-filename", module, "-"]
        return subprocess.run(command, cwd=ROOT, input=code, capture_output=True, text=True).returncode == 1

    assert banned("workflow/run.py")
    assert banned("workflow/cel/tree.py")
    assert not banned("streams/timers.py")
