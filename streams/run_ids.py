"""What ids of runs and commands may look like, and how a start that names no run gets one (PROTOCOL.md, 13, 14)."""

import re
from hashlib import sha256
from itertools import count

from schemas.commands import Command, StartRun
from streams.home import partition_of
from workflow.children import ID_LENGTH

RUN_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
COMMAND_ID = re.compile(r"[^\x00-\x1f\x7f]{1,256}")
#: A child run: the run that asked for it, the path of the step, the attempt; again for its own children.
_CHILD = re.compile(r"[A-Za-z0-9._:-]{1,160}(/[a-z0-9_/\[\]-]+#[0-9]+)+")
_FOREIGN = re.compile(r"[^A-Za-z0-9._-]")


def is_run_id(text: str) -> bool:
    """Whether it can be the id of a run or of a child run."""
    return bool(RUN_ID.fullmatch(text) or (len(text) <= ID_LENGTH and _CHILD.fullmatch(text)))


def may_be_meant(command: Command) -> bool:
    """Whether a command is for a run that there may be; a child run is started by the step that it is named after."""
    if RUN_ID.fullmatch(command.run_id) or not isinstance(command, StartRun):
        return is_run_id(command.run_id)
    parent, path = command.parent_run, command.parent_step
    asked, _, _ = command.run_id.rpartition("#")
    return is_run_id(command.run_id) and bool(parent) and asked.startswith(parent) and asked.endswith(f"/{path}")


def name_run(stem: str, command_id: str) -> str:
    """A run's id from the workflow's name and a command's own id: the same wherever the command arrives again."""
    return f"{_FOREIGN.sub('-', stem[:80]) or 'run'}-{sha256(command_id.encode()).hexdigest()[:16]}"


def name_run_here(stem: str, place: str, home: int, partitions: int) -> str:
    """A run's id for a command that has none of its own, only its place: counted up until its home is that place's."""
    names = (name_run(stem, f"{place}/{number}") for number in count())
    return next(name for name in names if partition_of(name, partitions) == home)
