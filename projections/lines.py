"""Rows of the queries over runs, as the console gets them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in the list. A refused start that never became a run has no incarnation, and a run id if it asked for one.

    `usd` is exact; None: no call of it has a known price, and `unpriced` says how many have none.
    """

    run_id: str | None
    incarnation: int | None
    workflow: str | None
    version: int | None
    status: str
    asked_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    steps: int
    steps_ended: int
    calls: int
    tokens: int
    usd: Decimal | None
    unpriced: int
    error_class: str | None
    error_message: str | None
    labels: str | None


@dataclass(frozen=True, slots=True)
class RunHead:
    """A run itself. JSON columns are text."""

    run_id: str
    incarnation: int
    partition: int | None
    workflow: str | None
    version: int | None
    definition: str | None
    status: str
    accepted_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    deadline_at: datetime | None
    last_event_at: datetime | None
    inputs: str | None
    outputs: str | None
    labels: str | None
    parent_run: str | None
    parent_step: str | None
    error_class: str | None
    error_message: str | None
    error_path: str | None
    attempts: int
    events: int


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step of a run, with what its calls used in all attempts."""

    path: str
    step: str | None
    kind: str | None
    status: str
    attempts: int | None
    tries: int | None
    worker: str | None
    target: str | None
    queue: str | None
    child_run: str | None
    scheduled_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    waits_until: datetime | None
    output: str | None
    error_class: str | None
    error_message: str | None
    last_error_class: str | None
    last_error_message: str | None
    calls: int
    input_tokens: int
    output_tokens: int
    usd: Decimal | None
    unpriced: int


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One attempt of a step."""

    path: str
    attempt: int
    worker: str | None
    target: str | None
    tries: int | None
    status: str
    scheduled_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    retry_at: datetime | None
    error_class: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class CallLine:
    """One call to a model: `recorded_usd` as counted then, `listed_usd` by the list, `usd` the first of these known."""

    path: str
    attempt: int
    call: int
    provider: str
    model: str
    response_model: str | None
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    thinking_tokens: int
    started_at: datetime | None
    first_token_at: datetime | None
    ended_at: datetime | None
    stop: str | None
    request_id: str | None
    error_class: str
    ignored: bool
    recorded_usd: Decimal | None
    listed_usd: Decimal | None
    usd: Decimal | None
    unpriced: bool


@dataclass(frozen=True, slots=True)
class WaitingApproval:
    """An approval that nobody has answered. JSON columns are text."""

    run_id: str
    workflow: str | None
    path: str
    asked: str
    prompt: str
    asked_value: str | None
    asked_at: datetime
    waits_until: datetime | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command or an input that changed nothing, and why."""

    kind: str
    refused_at: datetime | None
    run_id: str | None
    command: str | None
    command_id: str | None
    reason: str
    message: str
    topic: str | None
    size: int | None
    deadletter: int | None
    partition: int
    kafka_offset: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Why a run was set aside."""

    reason: str | None
    traceback: str | None
    first_offset: int | None
    quarantined_at: datetime | None
    released_at: datetime | None
    still_set_aside: bool | None
    held: int
    times: int


@dataclass(frozen=True, slots=True)
class RunView:
    """Everything about one run. `run` is None where all that is known of the id are refusals."""

    run: RunHead | None
    steps: list[StepLine]
    attempts: list[AttemptLine]
    calls: list[CallLine]
    refusals: list[Refusal]
    quarantine: Quarantined | None

    @property
    def usd(self) -> Decimal | None:
        """What the run cost; None where no call of it has a known price."""
        known = [call.usd for call in self.calls if call.usd is not None]
        return sum(known, Decimal(0)) if known or not self.calls else None

    @property
    def unpriced(self) -> int:
        """How many calls have no known price and are not in `usd`."""
        return sum(call.unpriced for call in self.calls)

    @property
    def input_tokens(self) -> int:
        """Of all calls, cached ones included."""
        return sum(call.input_tokens for call in self.calls)

    @property
    def output_tokens(self) -> int:
        """Of all calls, thinking included."""
        return sum(call.output_tokens for call in self.calls)
