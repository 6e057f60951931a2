"""Finds `module.function` where workflows may call it, and checks a call against its signature."""

from __future__ import annotations

import importlib
import importlib.machinery
import inspect
import json
import sys
from types import ModuleType
from typing import Any

from .calls import Refused
from .values import describe


class Function:
    """A marked function and what its signature accepts."""

    __slots__ = ("call", "is_async", "names", "needed", "open", "target")

    def __init__(self, target: str, function: Any) -> None:
        parameters = inspect.signature(function).parameters.values()
        named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        self.target = target
        self.call = function
        self.is_async = inspect.iscoroutinefunction(function)
        self.open = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.names = [p.name for p in named]
        self.needed = [p.name for p in named if p.default is p.empty]

    def bind(self, document: bytes) -> dict[str, Any]:
        given = json.loads(document)
        if not isinstance(given, dict):
            raise Refused(f"`{self.target}` takes its arguments by name: `with` must be a mapping")
        missing = [name for name in self.needed if name not in given]
        unknown = [] if self.open else [name for name in given if name not in self.names]
        if missing or unknown:
            raise Refused(self._mismatch(missing, unknown))
        return given

    def _mismatch(self, missing: list[str], unknown: list[str]) -> str:
        faults = [f"lacks `{name}`" for name in missing] + [f"passes `{name}`, which it has not" for name in unknown]
        return f"the call of `{self.target}` {', '.join(faults)}; it takes: {', '.join(self.names) or 'nothing'}"


class Tools:
    """Modules lie in `folders` (only there are they looked for) or are named in `modules`."""

    def __init__(self, folders: list[str], modules: list[str]) -> None:
        self._folders = folders
        self._modules = modules
        self.known: dict[str, Function] = {}

    def find(self, target: str) -> Function:
        found = self.known.get(target)
        if found is None:
            found = self.known[target] = Function(target, self._load(target))
        return found

    def _load(self, target: str) -> Any:
        name, _, attribute = target.rpartition(".")
        if not name:
            raise Refused(f"`{target}` names no tool: write `module.function`")
        module = self._import(name)
        function = getattr(module, attribute, None)
        if hasattr(function, "__millrace_tool__"):
            return function
        if function is not None:
            raise Refused(f"`{target}` is not a tool: put `@tool` from millrace above the function")
        marked = sorted(key for key, value in vars(module).items() if hasattr(value, "__millrace_tool__"))
        raise Refused(f"`{name}` has no `{attribute}`; its tools are: {', '.join(marked) or 'none'}")

    def _import(self, name: str) -> ModuleType:
        if not self._allowed(name):
            places = ", ".join([*self._folders, *self._modules]) or "nowhere, for `tools_path` is empty"
            raise Refused(f"there is no module `{name}` where tools are looked for: {places}")
        try:
            return importlib.import_module(name)
        except BaseException as error:
            raise Refused(f"importing `{name}` failed in {sys.executable}: {describe(error)}") from error

    def _allowed(self, name: str) -> bool:
        if any(name == module or name.startswith(f"{module}.") for module in self._modules):
            return True
        top = name.partition(".")[0]
        return importlib.machinery.PathFinder.find_spec(top, self._folders) is not None
