"""What a run id may look like, and how one is derived for a start that names none (PROTOCOL.md, 13 and 14)."""

import re
from hashlib import sha256
from itertools import count

from streams.home import partition_of

RUN_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_FOREIGN = re.compile(r"[^A-Za-z0-9._-]")


def name_run(stem: str, command_id: str, home: int, partitions: int) -> str:
    """An id from the workflow's name and the command's id, counted up until its home is where the command stands."""
    stem = _FOREIGN.sub("-", stem[:80]) or "run"
    digest = sha256(command_id.encode()).hexdigest()[:12]
    names = (f"{stem}-{digest}-{number}" for number in count())
    return next(name for name in names if partition_of(name, partitions) == home)
