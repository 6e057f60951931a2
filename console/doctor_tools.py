"""What the doctor asks of tools: does their host start, and can the modules that hold them be imported there?"""

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from console.doctor_finding import Finding
from console.settings import Settings

if TYPE_CHECKING:
    from steps.toolhost.host import ToolHost

#: No tool has this name: asking for it imports the module, and runs nothing of it.
_NOBODY = "__no_such_tool__"
_CALL_WITHIN = 3.0


async def look(settings: Settings) -> list[Finding]:
    """The host, as workers start it, and every module in `tools_path` in which something is marked with @tool."""
    from console.worker import worker_settings
    from steps.failure import StepFailed
    from steps.toolhost.host import ToolHost

    host = ToolHost(worker_settings(settings).steps, lambda text: text)
    try:
        await host.start()
        return [await _modules(host, _marked(settings.tools_path))]
    except StepFailed as failed:
        return [Finding("Tools", "host", "fail", str(failed), "correct tools_python or tools_path (`millrace config`)")]
    finally:
        await host.close()


async def _modules(host: "ToolHost", marked: dict[str, int]) -> Finding:
    problems = [problem for module in marked if (problem := await _import_problem(host, module))]
    count = sum(marked.values())
    facts = {"tools": count, "modules": marked, "problems": problems}
    if problems:
        return Finding("Tools", "tools", "fail", "; ".join(problems), "mend the module, or set tools_python", facts)
    where = f" in {', '.join(marked)}" if marked else " in tools_path"
    return Finding(
        "Tools", "tools", "ok", f"the host starts; {count} tool{'' if count == 1 else 's'}{where}", facts=facts
    )


async def _import_problem(host: "ToolHost", module: str) -> str:
    """Why the module can't be imported; empty when it can."""
    import orjson

    head = orjson.dumps([f"{module}.{_NOBODY}", "doctor", "doctor", 1, "doctor", None, None])
    answer = await host.call(head + b"\n{}", _CALL_WITHIN)
    _, message, detail, _ = orjson.loads(answer.body)
    return f"{module}: {message}" if detail is not None else ""  # only what was raised there has a traceback


def _marked(tools_path: list[str]) -> dict[str, int]:
    """How many functions each module marks, by its text: importing whatever lies in a folder could do anything."""
    files = [file for entry in tools_path for file in _files(Path(entry).expanduser())]
    counted = {file.stem: _count(file) for file in files}
    return {name: count for name, count in counted.items() if count}


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.py"))
    return [path] if path.suffix == ".py" and path.is_file() else []


def _count(file: Path) -> int:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return 0
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return sum(any(_is_mark(mark) for mark in function.decorator_list) for function in functions)


def _is_mark(mark: ast.expr) -> bool:
    target = mark.func if isinstance(mark, ast.Call) else mark
    return (target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")) == "tool"
