"""What the repository holds: its files, as git sees them."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("schemas", "workflow", "steps", "streams", "projections", "console")


@cache
def files(*suffixes: str) -> list[Path]:
    """Tracked files and new ones that aren't ignored, relative to the root; of these suffixes if any are given."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [Path(line) for line in listed.stdout.splitlines()]
    return [path for path in paths if (ROOT / path).is_file() and (not suffixes or path.suffix in suffixes)]


def text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")
