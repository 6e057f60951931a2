"""What the doctor asks of the projection: how old its snapshot is, how far behind the log, what was refused."""

import time
from dataclasses import dataclass
from typing import Any

from console.doctor_finding import Finding, Status
from console.settings import Settings

_START = "start `millrace projector`, or see its log for why it stopped"
#: Snapshot intervals that may pass while the log moves on before somebody should look.
_PATIENCE = 4


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the projection knows."""

    age: float
    positions: dict[int, int]
    refusals: int
    last: list[tuple[Any, ...]]


def read(settings: Settings) -> Snapshot | Finding:
    """The snapshot, or why there is none. Read before the log's ends are asked for, else it could be ahead of them."""
    from projections.query import NoSnapshot, QueryFailed, ask, opened

    try:
        with opened(settings.snapshot) as connection:
            positions = dict(ask(connection, "SELECT partition, next_offset FROM positions").rows)
            count = ask(connection, "SELECT count(*) FROM refusals").rows[0][0]
            last = ask(connection, "SELECT kind, reason, message FROM refusals ORDER BY refused_at DESC LIMIT 3").rows
    except NoSnapshot:
        return Finding("Projection", "snapshot", "warn", f"none at {settings.snapshot}", _START)
    except QueryFailed as error:
        return Finding("Projection", "snapshot", "fail", str(error), _START)
    return Snapshot(time.time() - settings.snapshot.stat().st_mtime, positions, count, last)


def judge(settings: Settings, known: Snapshot | Finding, ends: dict[int, int] | None) -> list[Finding]:
    """`ends`: where each partition of `workflow.events` ends; None if the broker did not tell."""
    if isinstance(known, Finding):
        return [known]
    return [_lag(settings, known.age, known.positions, ends), _refusals(known.refusals, known.last)]


def _lag(settings: Settings, age: float, positions: dict[int, int], ends: dict[int, int] | None) -> Finding:
    if ends is None:
        said = f"{_ago(age)} old; how far behind the log can't be told"
        return Finding("Projection", "snapshot", "skip", said, facts={"age": age, "lag": None})
    lag = sum(max(0, end - positions.get(number, 0)) for number, end in ends.items())
    ahead = [number for number, position in positions.items() if position > ends.get(number, 0)]
    facts = {"age": age, "lag": lag, "ahead": ahead}
    if ahead:
        said = f"it knows more than this log holds (partitions {', '.join(map(str, ahead))}): it is of another log"
        return Finding("Projection", "snapshot", "fail", said, "millrace projector --anew", facts)
    behind = f"{lag:,} record{'' if lag == 1 else 's'} behind the log" if lag else "at the log's end"
    status: Status = "warn" if lag and age > _PATIENCE * settings.snapshot_interval else "ok"
    return Finding(
        "Projection", "snapshot", status, f"{behind}, {_ago(age)} old", _START if status == "warn" else "", facts
    )


def _refusals(count: int, last: list[tuple[Any, ...]]) -> Finding:
    facts = {"count": count, "last": [dict(zip(("kind", "reason", "message"), row, strict=True)) for row in last]}
    if not count:
        return Finding("Projection", "refusals", "ok", "none", facts=facts)
    told = "; ".join(f"{reason}: {_short(message)}" for _, reason, message in last)
    remedy = 'millrace query "select * from refusals order by refused_at desc"'
    return Finding("Projection", "refusals", "warn", f"{count:,}, the last: {told}", remedy, facts)


def _short(text: str | None, width: int = 80) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _ago(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
