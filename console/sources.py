"""Where settings come from: the file and the environment, read so that each value's origin can be told."""

import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from console.failure import Failure

PREFIX = "MILLRACE_"
FILE = "millrace.toml"

#: Variables with our prefix that are no settings.
_OTHERS = ("MILLRACE_CONFIG", "MILLRACE_DEBUG")
_OTHER_PREFIXES = ("MILLRACE_SECRET_",)


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The values of a `millrace.toml`; without one, none."""

    path: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def read_file(named: Path | None, known: Collection[str], paths: Collection[str]) -> SettingsFile:
    """The file that was named (or stands here), with its relative `paths` taken from its own folder."""
    path = _find(named)
    if path is None:
        return SettingsFile()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(f"the settings file can't be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        remedy = 'write lines like: broker = "127.0.0.1:9092"'
        raise Failure("the settings file is no TOML", where=str(path), cause=str(error), remedy=remedy) from error
    if unknown := [key for key in values if key not in known]:
        raise _unknown_keys(path, unknown, known)
    return SettingsFile(path, {key: _from_folder(key, value, path.parent, paths) for key, value in values.items()})


def _find(named: Path | None) -> Path | None:
    if named is not None:
        return named
    if in_environment := os.environ.get("MILLRACE_CONFIG"):
        return Path(in_environment)
    here = Path(FILE)
    return here if here.exists() else None


def _unknown_keys(path: Path, unknown: list[str], known: Collection[str]) -> Failure:
    lines = tuple(f"  {key}{_nearest(key, known)}" for key in unknown)
    what = (
        "the settings file has keys that mean nothing" if len(unknown) > 1 else "the settings file has an unknown key"
    )
    return Failure(what, where=str(path), remedy="`millrace config` lists every setting", lines=lines)


def _nearest(key: str, known: Collection[str]) -> str:
    found = get_close_matches(key.lower().replace("-", "_"), known, 1)
    return f": did you mean `{found[0]}`?" if found else ""


def _from_folder(key: str, value: Any, folder: Path, paths: Collection[str]) -> Any:
    if key not in paths:
        return value
    if isinstance(value, list):
        return [str(folder / part) if isinstance(part, str) and _is_path(part) else part for part in value]
    return str(folder / value) if isinstance(value, str) else value


def _is_path(part: str) -> bool:
    """In a list of folders and module names."""
    return part.startswith(".") or os.sep in part


def variable(setting: str) -> str | None:
    """The name of the environment variable that gives this setting, if one does."""
    wanted = f"{PREFIX}{setting}".lower()
    return next((name for name, value in os.environ.items() if name.lower() == wanted and value), None)


def strange_variables(known: Collection[str]) -> list[str]:
    """Variables that look like ours but mean nothing: a typo would otherwise pass in silence."""
    ours = {f"{PREFIX}{setting}".lower() for setting in known} | {name.lower() for name in _OTHERS}
    strange = [
        name
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name.lower() not in ours and not name.startswith(_OTHER_PREFIXES)
    ]
    return [f"{name} means nothing{_nearest(name.removeprefix(PREFIX), known)}" for name in strange]
