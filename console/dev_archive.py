"""What dev must know of its archive before it restores it: for how many partitions it was written, and by whom."""

import shutil
from pathlib import Path

from console.failure import Failure

_RESET = "millrace dev --reset"
_ANEW = f"use the version that wrote it, or begin anew: {_RESET}"


def check_partitions(archive: Path, partitions: int) -> None:
    """A run's home depends on the number of partitions: an archive is for that number which it was begun with."""
    from streams.archive_directory import DirectoryStore
    from streams.archive_manifest import Manifest, NoArchive, read_manifest

    try:
        manifest = read_manifest(DirectoryStore(archive))
    except NoArchive as error:
        raise Failure("the archive can't be used", cause=str(error), remedy=_ANEW) from error
    if manifest is None:
        return Manifest(partitions).write(DirectoryStore(archive))
    if manifest.cut is not None:
        what = "the archive is a backup, made by `millrace archive`: dev would write on in it"
        raise Failure(what, where=str(archive), remedy="use another folder (--data DIR)")
    refuse_partitions(manifest.partitions, partitions, f"or begin anew: {_RESET}")


def refuse_partitions(found: int, partitions: int, remedy: str) -> None:
    """Raises Failure where the archive is not for so many partitions."""
    if found != partitions:
        what = f"the archive is for {found} partitions, and the settings say {partitions}"
        raise Failure(what, remedy=f"set partitions = {found}, {remedy}")


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
