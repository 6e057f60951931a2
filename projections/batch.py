"""What one batch of records changes, ready to be written in one transaction."""

from projections.changes import Merged, Row
from projections.tables import (
    APPROVALS,
    ATTEMPTS,
    EVENTS,
    MODEL_CALLS,
    POSITIONS,
    QUARANTINE,
    REFUSALS,
    RUNS,
    SIGNALS,
    STEPS,
)


class Batch:
    """Rows that are added, and changes to rows by their key."""

    def __init__(self) -> None:
        self.records = 0
        self.events: list[Row] = []
        self.refusals: list[Row] = []
        self.signals: list[Row] = []
        self.positions = Merged(POSITIONS)
        self.runs = Merged(RUNS)
        self.steps = Merged(STEPS)
        self.attempts = Merged(ATTEMPTS)
        self.model_calls = Merged(MODEL_CALLS)
        self.quarantine = Merged(QUARANTINE)
        self.approvals = Merged(APPROVALS)

    @property
    def keyed(self) -> tuple[Merged, ...]:
        """The changes to tables with a key."""
        return self.positions, self.runs, self.steps, self.attempts, self.model_calls, self.quarantine, self.approvals

    @property
    def added(self) -> dict[str, list[Row]]:
        """The rows of tables that only grow."""
        return {EVENTS: self.events, REFUSALS: self.refusals, SIGNALS: self.signals}
