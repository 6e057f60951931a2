"""Images and documents that go with a prompt: bytes of a file, of a value, or an address that the provider fetches."""

import base64
import mimetypes
from pathlib import Path
from typing import Any

from steps.failure import ErrorClass, StepFailed
from steps.providers.content import Attachment

#: The providers take requests of 20 to 32 MiB, and base64 adds a third.
LARGEST = 15 * 1024 * 1024
_ONE_OF = ("file", "url", "base64")


def attachments(written: Any, folder: Path | None) -> tuple[Attachment, ...]:
    if not isinstance(written, list):
        raise _invalid(f"`attach` is a list of {{file: …}}, {{url: …}} or {{base64: …, type: …}}, not {written!r}")
    return tuple(_attachment(each, folder) for each in written)


def _attachment(written: Any, folder: Path | None) -> Attachment:
    given = [name for name in _ONE_OF if isinstance(written, dict) and written.get(name)]
    if len(given) != 1:
        raise _invalid(f"each of `attach` has one of {', '.join(_ONE_OF)}, and this is {str(written)[:200]}")
    [kind] = given
    place = str(written[kind])
    if kind == "file":
        return Attachment(_type(written, place), base64.b64encode(_read(place, folder)).decode())
    if kind == "url":
        return Attachment(_type(written, place), url=place)
    return Attachment(_type(written, ""), place)


def _type(written: dict[str, Any], name: str) -> str:
    found = written.get("type") or mimetypes.guess_type(name)[0]
    if not found:
        raise _invalid(f"the type of {name or 'the bytes'} can't be told; add `type: image/png`, or what it is")
    return str(found)


def _read(name: str, folder: Path | None) -> bytes:
    """A file below the folder, wherever its links lead: the name may have come from anywhere."""
    if folder is None:
        raise _invalid(f"{name} is not read: set `attach_dir` to the folder that files may be attached from")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise _invalid(f"{name} is not read: it lies outside of attach_dir, {folder}")
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise _invalid(f"{name} has {size:,} bytes; at most {LARGEST:,} can be attached")
        return path.read_bytes()
    except OSError as error:
        raise _invalid(f"{name} can't be read: {error.strerror}") from error


def _invalid(why: str) -> StepFailed:
    return StepFailed(ErrorClass.FATAL, f"the attachment can't be sent: {why}")
