"""What is known of runs: the list, and one run whole; read from the snapshot."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from projections.lines import (
    AttemptLine,
    CallLine,
    Quarantined,
    Refusal,
    RunHead,
    RunLine,
    RunView,
    StepLine,
    WaitingApproval,
)
from projections.named import statement
from projections.query import ask, opened

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")


class RunUnknown(Exception):
    """Nothing is known of a run id."""


def list_runs(path: Path, *, workflow: str | None = None, status: str | None = None, limit: int = 50) -> list[RunLine]:
    """The newest runs first. Raises NoSnapshot, QueryFailed."""
    with opened(path) as connection:
        return _lines(connection, "list_runs", RunLine, {"workflow": workflow, "status": status, "limit": limit})


def list_refusals(path: Path, *, run_id: str | None = None, limit: int = 50) -> list[Refusal]:
    """The newest refusals first. Raises NoSnapshot, QueryFailed."""
    with opened(path) as connection:
        return _lines(connection, "refusals", Refusal, {"run_id": run_id, "limit": limit})


def list_approvals(path: Path, *, by: str | None = None, limit: int = 50) -> list[WaitingApproval]:
    """What waits for an answer, the longest waiting first. Raises NoSnapshot, QueryFailed."""
    with opened(path) as connection:
        return _lines(connection, "waiting_approvals", WaitingApproval, {"by": by, "limit": limit})


def show_run(path: Path, run_id: str, incarnation: int | None = None) -> RunView:
    """One run whole; of several that had the id the newest. Raises RunUnknown, NoSnapshot, QueryFailed."""
    with opened(path) as connection:
        refusals = _lines(connection, "refusals", Refusal, {"run_id": run_id, "limit": 100})
        heads = _lines(connection, "show_run", RunHead, {"run_id": run_id, "incarnation": incarnation})
        if not heads and not refusals:
            raise RunUnknown(
                f"No run {run_id} is in the snapshot {path}. It may have started a moment ago (the snapshot is renewed "
                "every few seconds), or the projector is not running; `millrace runs` lists what is known."
            )
        if not heads:
            return RunView(None, [], [], [], refusals, None)
        chosen = {"run_id": run_id, "incarnation": heads[0].incarnation}
        return RunView(
            heads[0],
            _lines(connection, "steps_of_run", StepLine, chosen),
            _lines(connection, "attempts_of_run", AttemptLine, chosen),
            _lines(connection, "calls_of_run", CallLine, chosen),
            refusals,
            next(iter(_lines(connection, "quarantine_of_run", Quarantined, chosen)), None),
        )


def positions(path: Path) -> dict[int, int]:
    """The next offset of each partition of `workflow.events` as of the snapshot. Raises NoSnapshot, QueryFailed."""
    with opened(path) as connection:
        return dict(ask(connection, statement("positions")).rows)


def _lines(connection: "duckdb.DuckDBPyConnection", name: str, line: type[T], params: dict[str, Any]) -> list[T]:
    return [line(*row) for row in ask(connection, statement(name), params).rows]
