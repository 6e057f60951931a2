"""The face of Millrace for Python users: mark functions as tools, read the running step, ask for another attempt."""

# This module is imported by the interpreter that runs your tools, which need not have Millrace installed: it uses
# the standard library alone and imports next to nothing (dataclasses, inspect and typing cost more than it may).

import contextvars

__all__ = ["Context", "Retry", "Tool", "context", "tool"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Never, TypeVar, overload

    F = TypeVar("F", bound=Callable[..., Any])


class Retry(Exception):
    """Raise it in a tool to fail this attempt as `unavailable`: the step's retry policy decides about the next one.

    `after` is the least number of seconds to wait before the next attempt.

    What else a tool may raise, and the class its attempt then fails with:

    - `TimeoutError`, `ConnectionError` (and their subclasses): `unavailable`, which is retried by default.
    - anything else: `fatal`, which is not retried unless the step says `retry: {on: [fatal]}`.
    - exceeding the step's `timeout`: `timeout`; the tool's process dying under it: `unknown`. These two are retried
      only in steps that say `idempotent: true`, because the tool may have done its work already.
    """

    def __init__(self, message: str, after: "float | None" = None) -> None:
        super().__init__(message)
        self.after = None if after is None else float(after)
        if self.after is not None and not 0 <= self.after < float("inf"):
            raise ValueError(f"millrace.Retry(after=…) is a number of seconds, and was {after!r}")


class Context:
    """What a tool may know about the step that runs it."""

    __slots__ = ("attempt", "deadline", "key", "run_id", "step")

    run_id: str
    step: str  # the step's path, e.g. "facts/crm" or "refine[3]/draft"
    attempt: int  # 1, 2, 3 …
    key: str  # the same in all attempts of a step: hand it to whatever must not be done twice
    deadline: "float | None"  # when this attempt is cut off, in seconds since the epoch

    def __init__(self, run_id: str, step: str, attempt: int, key: str, deadline: "float | None") -> None:
        self.run_id = run_id
        self.step = step
        self.attempt = attempt
        self.key = key
        self.deadline = deadline

    def __repr__(self) -> str:
        return f"Context({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


_current: "contextvars.ContextVar[Context]" = contextvars.ContextVar("millrace_context")


def context() -> Context:
    """The step that is being run here; only a tool that a workflow has called may ask."""
    try:
        return _current.get()
    except LookupError:
        raise RuntimeError(
            "millrace.context() was called outside a step: it answers only while a workflow runs the tool "
            "(in a thread of your own, pass on what you need or run it in contextvars.copy_context())"
        ) from None


class Tool:
    """What `@tool` notes about a function, at its `__millrace_tool__`."""

    __slots__ = ("description", "name")

    def __init__(self, name: str, description: str) -> None:
        self.name = name
        self.description = description

    def __repr__(self) -> str:
        return f"Tool(name={self.name!r}, description={self.description!r})"


if TYPE_CHECKING:

    @overload
    def tool(function: F) -> F: ...

    @overload
    def tool(*, description: str = "") -> Callable[[F], F]: ...


def tool(function: "Any" = None, *, description: str = "") -> "Any":
    """Mark a function, sync or async, as a tool that workflows may call by `module.function`.

    The function stays what it is and can be called and tested as before. A workflow passes its arguments by name;
    what it returns must be JSON (or dataclasses, pydantic models, dates and UUIDs, which become JSON). Its docstring's
    first line describes it, unless `description` does. `millrace.Retry` says which failures are tried again.
    """
    if function is None:
        return lambda function: _mark(function, description)
    return _mark(function, description)


def _mark(function: "F", description: str) -> "F":
    inner = function
    while hasattr(inner, "__wrapped__"):  # a decorated function has the signature of the one inside
        inner = inner.__wrapped__
    code = getattr(inner, "__code__", None)
    if code is None or not hasattr(function, "__code__"):
        _reject(function, "is not a plain function")
    if code.co_posonlyargcount or code.co_flags & 0x04:
        _reject(function, "takes positional-only or *arguments, but workflows pass arguments by name")
    if code.co_flags & (0x20 | 0x200):
        _reject(function, "is a generator, but a tool returns one value")
    summary = (description or function.__doc__ or "").strip().partition("\n")[0]
    function.__millrace_tool__ = Tool(function.__name__, summary)  # type: ignore[attr-defined]
    return function


def _reject(function: object, why: str) -> "Never":
    raise TypeError(f"@tool can't mark {getattr(function, '__qualname__', function)!r}: it {why}")
