"""What dev must know of its archive before it restores it: for how many partitions it was written, and by whom."""

import json
import shutil
from pathlib import Path

from console.failure import Failure

_NOTE = "archive.json"
_FORMAT = 1


def check_partitions(archive: Path, partitions: int) -> None:
    """A run's home depends on the number of partitions: an archive is for that number which it was begun with."""
    note = archive / _NOTE
    if not note.exists():
        archive.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps({"format": _FORMAT, "partitions": partitions}) + "\n", encoding="utf-8")
        return
    try:
        written = json.loads(note.read_text(encoding="utf-8"))
        found = written["format"], written["partitions"]
    except (ValueError, KeyError, TypeError) as error:
        raise Failure("the archive's own note can't be read", where=str(note), cause=told(error)) from error
    if found[0] != _FORMAT:
        remedy = "use that version, or begin anew: millrace dev --reset"
        raise Failure("the archive was written by another version of Millrace", where=str(archive), remedy=remedy)
    if found[1] != partitions:
        what = f"the archive is for {found[1]} partitions, and the settings say {partitions}"
        remedy = f"set partitions = {found[1]}, or begin anew: millrace dev --reset"
        raise Failure(what, where=str(archive), remedy=remedy)


def forget(*paths: Path) -> None:
    """Remove what dev keeps."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def told(error: BaseException) -> str:
    """What an error says, or what it is when it says nothing."""
    return str(error) or type(error).__name__
