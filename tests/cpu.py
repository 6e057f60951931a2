"""CPU time of the worker, its tool host and the broker, from /proc."""

import os
import subprocess
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def spent(pid: int) -> float:
    """Seconds of user and system time of a process, its dead children left out."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for thread in threads for child in thread.read_text(encoding="utf-8").split()]


def listening(port: str) -> int | None:
    """The process that listens on a port of this machine."""
    shown = subprocess.run(["ss", "-Hltnp", f"sport = :{port}"], capture_output=True, text=True, check=False).stdout
    return int(shown.split("pid=")[1].split(",")[0]) if "pid=" in shown else None


class Cpu:
    """Readings in seconds, by part."""

    def __init__(self, worker: int, bootstrap: str) -> None:
        self._worker, self._broker = worker, listening(bootstrap.rpartition(":")[2])

    def read(self) -> dict[str, float]:
        return {
            "worker": spent(self._worker),
            "tool_host": sum(spent(child) for child in children(self._worker)),
            "broker": spent(self._broker) if self._broker else float("nan"),
        }
