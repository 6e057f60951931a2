"""What the doctor finds: one line a subject, with the remedy where something is amiss."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["ok", "warn", "fail", "skip"]
_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red"), "skip": ("·", "dim")}


@dataclass(frozen=True, slots=True)
class Finding:
    """`facts` is for programs; `said` and `remedy` are for people."""

    area: str
    subject: str
    status: Status
    said: str
    remedy: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """All findings, and whether none of them is a failure."""
    found = [asdict(finding) for finding in findings]
    return {"ok": all(finding["status"] != "fail" for finding in found), "findings": found}


def show(findings: Iterable[Finding]) -> None:
    """A paragraph an area, a line a finding, its remedy below it."""
    from rich.text import Text

    from console.render import show as print_rich

    text, area = Text(), ""
    for finding in findings:
        if finding.area != area:
            text.append(f"{'' if not area else chr(10)}{finding.area}\n", style="bold")
            area = finding.area
        mark, style = _MARKS[finding.status]
        text.append(f"  {mark} ", style=style)
        text.append(f"{finding.subject:<14} {finding.said}\n")
        if finding.remedy:
            text.append(f"      → {finding.remedy}\n", style="cyan")
    print_rich(text)
