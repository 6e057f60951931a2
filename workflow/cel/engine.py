"""The one door to the CEL library: compiles checked text, evaluates, and turns every failure into words."""

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

from workflow.functions import FUNCTIONS
from workflow.types import Type

Json = Any

_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): ([^\n]*)")
_CODE = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]\s*$")
_BINARY = re.compile(r"_(\S+)_$")
_PLAIN_NAMES = {"int64": "int", "uint64": "uint", "*opaque*": "optional"}


_PYTHON_NAMES = {
    "NoneType": "null",
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "str": "text",
    "list": "a list",
    "dict": "a mapping",
}
_DECLARED = {"int": "integer", "double": "number", "bool": "boolean", "map": "object"}
_SIGNS = {
    "budget exceeded": "it takes more than 10,000 rounds",
    "construction from null": "it holds text that is no Unicode",
    "cannot be interpreted as an integer": "a number with a fraction was declared as integer",
    "Unable to convert function return value": "the result is an optional value: end it with `.orValue(…)`",
    "too big to convert": "a number does not fit in 64 bits",
}


class CelRefused(Exception):
    """CEL doesn't accept the text; `errors` holds (line, column, message), both counting from 1."""

    def __init__(self, errors: list[tuple[int, int, str]]) -> None:
        self.errors = errors
        super().__init__("; ".join(message for _, _, message in errors))


class CelFailed(Exception):
    """An evaluation ended in an error."""


@cache
def _library() -> Any:
    from cel_expr_python import cel  # loading it takes 30 ms, and reading a file without expressions needs none of it

    return cel


def signature(kind: Type) -> str:
    """CEL's name for a static type; what may be null, and what nobody declared, is `dyn`."""
    if kind.nullable or kind.kind not in _SIGNATURES:
        return "dyn"
    if kind.kind == "list":
        return f"list({signature(kind.element) if kind.element else 'dyn'})"
    if kind.kind == "map":
        return f"map(string, {signature(kind.element) if kind.element else 'dyn'})"
    return kind.kind


_SIGNATURES = frozenset({"int", "double", "string", "bool", "timestamp", "duration", "list", "map"})


def _cel_type(signed: str) -> Any:
    types = _library().Type
    if signed.startswith("list("):
        return types.List(_cel_type(signed[5:-1]))
    if signed.startswith("map("):
        return types.Map(types.STRING, _cel_type(signed[12:-1]))
    return getattr(types, signed.upper())


@cache
def _functions() -> list[Any]:
    cel = _library()
    return [
        cel.FunctionDecl(
            function.name,
            [
                cel.Overload(
                    f"{function.name}_{number}", cel.Type.DYN, [_parameter(kind) for kind in kinds], False, call
                )
                for number, kinds in enumerate(function.takes)
            ],
        )
        for function in FUNCTIONS.values()
        for call in (_keeping_text_whole(function.call),)
    ]


def _keeping_text_whole(call: Callable[..., Json]) -> Callable[..., Json]:
    """The library cuts text short at a NUL on its way back in, so a result with one is refused."""

    def checked(*arguments: Json) -> Json:
        result = call(*arguments)
        if _holds_nul(result):
            raise ValueError("the result holds a NUL character")
        return result

    return checked


def _holds_nul(value: Json) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def _parameter(kind: Type) -> Any:
    types = _library().Type
    return {"list": types.LIST, "map": types.MAP}.get(kind.kind) or getattr(types, kind.kind.upper())


@lru_cache(maxsize=512)
def _environment(variables: tuple[tuple[str, str], ...]) -> Any:
    from cel_expr_python.ext import ext_math, ext_optional, ext_strings

    return _library().NewEnv(
        variables={name: _cel_type(kind) for name, kind in variables},
        extensions=[ext_math.ExtMath(), ext_optional.ExtOptional(), ext_strings.ExtStrings()],
        functions=_functions(),
    )


class Program:
    """A compiled expression."""

    __slots__ = ("_error", "_eval", "_nested", "result")

    def __init__(self, text: str, variables: tuple[tuple[str, str], ...]) -> None:
        try:
            program = _environment(variables).compile(text)
        except Exception as error:
            raise CelRefused(_compile_errors(str(error))) from None
        types = _library().Type
        self._eval = program.eval
        self._error = types.ERROR
        self.result = program.return_type().name()

    def run(self, values: Mapping[str, Json]) -> Any:
        """The value in Python's words; CelFailed for every error of the library."""
        try:
            result = self._eval(data=values)
            kind = result.type()
            if kind == self._error:
                raise CelFailed(_plain_words(str(result.value())))
            return result.plain_value()
        except TypeError as error:
            raise CelFailed(_plain_words(str(error))) from None
        except (RuntimeError, OverflowError) as error:
            raise CelFailed(_plain_words(str(error))) from None


def _compile_errors(text: str) -> list[tuple[int, int, str]]:
    found = [(int(line), int(column), _plain_words(message)) for line, column, message in _ERROR.findall(text)]
    return found or [(1, 1, _plain_words(text.split("\n")[0]))]


def _plain_words(message: str) -> str:
    message = _CODE.sub("", _CODE.sub("", message)).strip()
    if overload := re.fullmatch(r"(?:f|F)ound no matching overload for '(.+)' applied to '\((.*)\)'", message):
        return _no_overload(overload[1], overload[2])
    if overload := re.fullmatch(r"No matching overloads found : (.+?)\((.*)\)", message):
        return _no_overload(overload[1], overload[2])
    if key := re.fullmatch(r'Key not found in map : "(.*)"', message):
        return f"there is no field `{key[1]}`"
    if unknown := re.match(r"undeclared reference to '(.+?)'", message):
        return f"there is no function `{unknown[1]}`"
    if typed := re.fullmatch(r"Unexpected value type for '(.+)': (\w+)\. \(Expected (.+)\)", message):
        found, wanted = _PYTHON_NAMES.get(typed[2], typed[2]), typed[3].split("<")[0].lower()
        return f"'{typed[1]}' is {found}, but was declared as {_DECLARED.get(wanted, wanted)}"
    if large := re.fullmatch(r"Integer value '.*' out of range for (.+)\.", message):
        return f"{large[1]} holds a number that does not fit in 64 bits"
    return next((words for sign, words in _SIGNS.items() if sign in message), message)


def _no_overload(name: str, kinds: str) -> str:
    operator = _BINARY.fullmatch(name)
    shown = ", ".join(_PLAIN_NAMES.get(kind, kind) for kind in kinds.split(", "))
    if name == "_?_:_":
        return f"both values of `? :` must have one type, and the condition must be a boolean; found ({shown})"
    if name == "_[_]":
        return f"an index can't be used on ({shown})"
    return f"`{operator[1]}` can't be applied to ({shown})" if operator else f"`{name}` can't take ({shown})"
