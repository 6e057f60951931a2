"""What ids of runs and commands may look like, and how a start that names no run gets one (PROTOCOL.md, 13, 14)."""

import re
from hashlib import sha256
from itertools import count

from streams.home import partition_of

RUN_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
COMMAND_ID = re.compile(r"[^\x00-\x1f\x7f]{1,256}")
_FOREIGN = re.compile(r"[^A-Za-z0-9._-]")


def name_run(stem: str, command_id: str) -> str:
    """A run's id from the workflow's name and a command's own id: the same wherever the command arrives again."""
    return f"{_FOREIGN.sub('-', stem[:80]) or 'run'}-{sha256(command_id.encode()).hexdigest()[:16]}"


def name_run_here(stem: str, place: str, home: int, partitions: int) -> str:
    """A run's id for a command that has none of its own, only its place: counted up until its home is that place's."""
    names = (name_run(stem, f"{place}/{number}") for number in count())
    return next(name for name in names if partition_of(name, partitions) == home)
