"""The public face: light to import, strict about what a tool is."""

import functools
import subprocess
import sys
from pathlib import Path

import pytest

import millrace


def test_it_imports_quickly_and_with_the_standard_library_alone(tmp_path: Path) -> None:
    program = """
import sys, time
before = set(sys.modules)
started = time.perf_counter()
sys.path.insert(0, sys.argv[1])
import millrace
print(time.perf_counter() - started)
print(*sorted(set(sys.modules) - before - {"millrace"}))
"""
    folder = str(Path(millrace.__file__).parent)
    runs = [
        subprocess.run([sys.executable, "-I", "-S", "-c", program, folder], capture_output=True, text=True, check=True)
        for _ in range(5)
    ]
    assert min(float(run.stdout.split()[0]) for run in runs) < 0.005
    assert set(runs[0].stdout.split()[1:]) <= {"contextvars", "_contextvars"}


def test_a_marked_function_stays_what_it_is() -> None:
    @millrace.tool
    def double(x: int) -> int:
        """Twice as much.

        And more about it.
        """
        return 2 * x

    assert double(4) == 8
    noted: millrace.Tool = double.__millrace_tool__  # type: ignore[attr-defined]
    assert repr(noted) == "Tool(name='double', description='Twice as much.')"


def test_a_description_may_be_given() -> None:
    @millrace.tool(description="Another word for it")
    async def later() -> None:
        """Something."""

    assert later.__millrace_tool__.description == "Another word for it"  # type: ignore[attr-defined]


def test_a_decorated_function_may_be_a_tool() -> None:
    def plain(x: int) -> int:
        return x

    @functools.wraps(plain)
    def wrapper(*args: object, **kwargs: object) -> object:
        return plain(*args, **kwargs)  # type: ignore[arg-type]

    assert millrace.tool(wrapper) is wrapper


def test_what_workflows_cannot_call_is_no_tool() -> None:
    def positional(x: int, /) -> int:
        return x

    def several(*many: int) -> int:
        return len(many)

    def generator() -> object:
        yield 1

    class Callable:
        def __call__(self) -> None: ...

    for function, reason in [
        (positional, "positional-only"),
        (several, r"\*arguments"),
        (generator, "generator"),
        (Callable(), "not a plain function"),
        (len, "not a plain function"),
    ]:
        with pytest.raises(TypeError, match=reason):
            millrace.tool(function)  # type: ignore[type-var]


def test_outside_a_step_there_is_no_context() -> None:
    with pytest.raises(RuntimeError, match="outside a step"):
        millrace.context()


def test_context_and_retry_show_what_they_hold() -> None:
    context = millrace.Context("run", "a/b", 2, "run/a/b", None)
    assert repr(context) == "Context(attempt=2, deadline=None, key='run/a/b', run_id='run', step='a/b')"
    assert millrace.Retry("later", after=2).after == 2
    assert str(millrace.Retry("later")) == "later"


def test_a_wait_is_a_number_of_seconds() -> None:
    for after in (-1, float("nan"), float("inf"), "soon"):
        with pytest.raises(ValueError):
            millrace.Retry("later", after=after)  # type: ignore[arg-type]


def test_the_public_names_are_these() -> None:
    assert millrace.__all__ == ["Context", "Retry", "Tool", "context", "tool"]
