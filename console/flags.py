"""What was given before the command or with it and concerns all commands: --broker, --config."""

from contextvars import ContextVar
from typing import Any

_given: ContextVar[dict[str, Any]] = ContextVar("flags")


def forget() -> None:
    """A command line begins: nothing is given yet."""
    _given.set({})


def give(name: str, value: Any) -> None:
    """Note a flag that was given."""
    if value is not None:
        _given.get()[name] = value


def given() -> dict[str, Any]:
    """The flags given so far, by the name of their setting (`config` names the file)."""
    return dict(_given.get({}))
