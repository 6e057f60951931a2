"""The tables as the projector sees them: which column merges how. `sql/tables.sql` says what they hold."""

from projections.changes import Rule, Table

FIRST, LAST, SUM = Rule.FIRST, Rule.LAST, Rule.SUM

_RUN = ("run_id", "incarnation")
_STEP = (*_RUN, "path")
_ATTEMPT = (*_STEP, "attempt")


def _all(rule: Rule, columns: str) -> dict[str, Rule]:
    return dict.fromkeys(columns.split(), rule)


POSITIONS = Table("positions", ("partition",), _all(LAST, "next_offset log epoch owner n"))

RUNS = Table(
    "runs",
    _RUN,
    _all(
        LAST,
        "partition workflow version definition command_id state quarantined accepted_at started_at ended_at "
        "deadline_at last_event_at inputs outputs outputs_ref settings labels budget_nanousd parent_run parent_step "
        "traceparent error_class error_message error_path",
    )
    | _all(SUM, "attempts events"),
)

# The kind of a step is that of its first event: an `on_error` list opens inside the step that failed.
STEPS = Table(
    "steps",
    _STEP,
    _all(FIRST, "step kind scheduled_at started_at")
    | _all(
        LAST,
        "status attempts tries worker target queue child_run last_ended_at waits_until output output_ref "
        "last_error_class last_error_message",
    ),
)

# An attempt ends once: a step that is cancelled while it rests does not change the attempt that failed before.
ATTEMPTS = Table(
    "attempts",
    _ATTEMPT,
    _all(
        FIRST,
        "worker target tries ending scheduled_at started_at ended_at retry_at error_class error_message error_detail "
        "resolution resolved_by",
    ),
)

# An attempt is given to one worker, so its calls are known by their place in what that worker reports: a second
# report of the attempt (`OutcomeIgnored`) adds no call, and costs nothing twice.
MODEL_CALLS = Table(
    "model_calls",
    (*_ATTEMPT, "worker", "call"),
    _all(
        FIRST,
        "provider model response_model input_tokens output_tokens cache_read_tokens cache_write_tokens thinking_tokens "
        "cost_nanousd happened_at started_at first_token_at ended_at stop request_id error_class ignored raw",
    ),
    once=True,
)

QUARANTINE = Table(
    "quarantine",
    _RUN,
    _all(LAST, "reason traceback first_offset quarantined_at released_at still_set_aside") | _all(SUM, "held times"),
)

APPROVALS = Table(
    "approvals",
    _STEP,
    _all(
        FIRST,
        "asked prompt asked_value asked_at waits_until answered_at approved answered_by answered_as reason "
        "answer_value",
    ),
)

#: Tables with a key, which events change …
KEYED = (POSITIONS, RUNS, STEPS, ATTEMPTS, MODEL_CALLS, QUARANTINE, APPROVALS)
#: … and tables that only grow.
EVENTS, REFUSALS, SIGNALS = "events", "refusals", "signals"
