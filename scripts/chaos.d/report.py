"""The verdict for people and for programs."""

from pathlib import Path
from typing import Any

from verdict import Evidence, Verdict


def figures(verdict: Verdict, more: dict[str, Any]) -> dict[str, Any]:
    """Counts; what must be empty is counted here and named in `cases`."""
    bad = ("lost", "failed", "twice", "again", "begun_though_released", "told_without_effect")
    counts = {name: len(getattr(verdict, name)) for name in bad}
    took, slower = sorted(verdict.recoveries), sorted(verdict.recoveries_in_trouble)
    return {
        "accepted": verdict.accepted,
        "completed": verdict.completed,
        "failed_by_policy": verdict.failed_by_policy,
        **counts,
        "calls": verdict.calls,
        "in_flight": verdict.in_flight,
        "late_outcomes": verdict.late,
        "events": verdict.events,
        "void_events": verdict.void,
        "recoveries": len(took),
        "recovery_s_p50": _at(took, 0.5),
        "recovery_s_p99": _at(took, 0.99),
        "recoveries_in_trouble": len(slower),
        "recovery_in_trouble_s_p50": _at(slower, 0.5),
        "recovery_in_trouble_s_p99": _at(slower, 0.99),
        **more,
        "holds": verdict.holds,
        "cases": {name: getattr(verdict, name)[:20] for name in bad if getattr(verdict, name)},
    }


def _at(values: list[float], share: float) -> float | None:
    return round(values[min(len(values) - 1, int(len(values) * share))], 2) if values else None


def write_down(evidence: Evidence, folder: Path) -> None:
    """Every record of the three topics, a file each, a line each."""
    for name in ("events", "outcomes", "commands"):
        lines = [f"{line.partition} {line.offset} {line.time} {line.record}" for line in getattr(evidence, name)]
        (folder / name).write_text("\n".join(lines), encoding="utf-8")


LINES = [
    ("runs accepted", "accepted", ""),
    ("completed", "completed", ""),
    ("failed by policy: doomed, cancelled, or not repeatable", "failed_by_policy", ""),
    ("failed otherwise", "failed", "completion ≥ 99.9 %"),
    ("lost", "lost", "0"),
    ("outcomes applied twice", "twice", "0"),
    ("completed calls made again", "again", "0"),
    ("calls begun though given back", "begun_though_released", "0"),
    ("successes told without their effect", "told_without_effect", "0"),
    ("calls in the ledger", "calls", ""),
    ("of them in flight at a kill or a pause", "in_flight", ""),
    ("outcomes that came too late", "late_outcomes", ""),
    ("events", "events", ""),
    ("void events", "void_events", ""),
    ("partitions taken over after a kill", "recoveries", ""),
    ("from the kill to the first transition, p50 (s)", "recovery_s_p50", ""),
    ("p99 (s)", "recovery_s_p99", ""),
    ("taken over while a broker was in trouble, too", "recoveries_in_trouble", ""),
    ("p50 (s)", "recovery_in_trouble_s_p50", ""),
    ("p99 (s)", "recovery_in_trouble_s_p99", ""),
    ("workers killed", "killed", ""),
    ("deeds in all", "deeds", ""),
    ("workers that ended by themselves", "ended_by_themselves", ""),
    ("seconds", "seconds", ""),
]


def table(found: dict[str, Any]) -> str:
    """One line a count; then the cases of what must not be."""
    lines = [f"{label:58}{_shown(found[key]):>12}   {wanted}".rstrip() for label, key, wanted in LINES]
    for name, cases in found["cases"].items():
        lines += ["", f"{name}:", *(f"  {case}" for case in cases)]
    return "\n".join([*lines, "", "holds" if found["holds"] else "DOES NOT HOLD"])


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:,}"
