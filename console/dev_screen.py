"""What dev tells people: a banner, and a line for whatever happens."""

import os
import shlex
import time
from pathlib import Path

from console.settings import Settings, load

_BANNER = """\
Millrace runs on this machine.
  broker  {broker}  (embedded, in memory; archived on disk)
  data    {data}{restored}
  logs    {logs}/worker.log, projector.log
  models  {models}
{exports}
Try, in another terminal:
  millrace start {example} --wait
  millrace runs
  millrace query "select * from cost_by_model"

Ctrl-C ends it. The next `millrace dev` goes on with the same runs.
"""


def say(line: str) -> None:
    """One line, with the time."""
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


def banner(settings: Settings, restored: str, logs: Path, files: list[Path]) -> str:
    """What runs where, and what to do next."""
    example = next((shlex.quote(str(file)) for file in files if file.is_file()), "hello.yaml")
    return _BANNER.format(
        broker=settings.broker,
        data=f"{settings.data_dir}/",
        restored=f"  ({restored})" if restored else "",
        logs=logs,
        models=_models(settings),
        exports=_exports(settings),
        example=example,
    )


def _models(settings: Settings) -> str:
    if settings.models != "scripted":
        return "the real services (--offline: answers without a key)"
    said = f", as {settings.replies} says" if settings.replies else ", by echo"
    return f"offline: a server in the worker answers{said}"


def _exports(settings: Settings) -> str:
    """What other terminals must be told because they would look elsewhere."""
    elsewhere = load()
    wanted = {
        "MILLRACE_BROKER": (elsewhere.broker, settings.broker),
        "MILLRACE_DATA_DIR": (str(elsewhere.data_dir), str(settings.data_dir)),
    }
    lines = [
        f"  export {name}={shlex.quote(value)}" for name, (found, value) in wanted.items() if not _same(found, value)
    ]
    return "\n".join(["", "Other terminals must be told:", *lines, ""]) if lines else ""


def _same(found: str, value: str) -> bool:
    return found.replace("localhost", "127.0.0.1") == value or os.path.abspath(found) == os.path.abspath(value)
