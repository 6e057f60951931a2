"""Which failures are worth another attempt, when, and with which model."""

from dataclasses import dataclass
from zlib import crc32

from workflow.definition import Step

#: Retried unless the step says otherwise.
RETRIED = frozenset({"rate_limited", "overloaded", "timeout", "unavailable", "worker_lost", "unknown"})
#: Move on to the next model of the chain at once.
MOVES_ON = frozenset({"overloaded", "unavailable", "rate_limited", "timeout"})
#: Whether the effect happened is not known: repeated only where that does no harm.
UNCERTAIN = frozenset({"worker_lost", "timeout", "unknown"})
#: Methods of HTTP that may be repeated (RFC 9110, 9.2.2).
REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
#: The longest wait that a provider's Retry-After can ask for.
LONGEST_WAIT = 15 * 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class Next:
    """The next attempt: after `wait` microseconds, with the model at `chain`, as pass number `tries`."""

    wait: int
    tries: int
    chain: int


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt failed, and where its step stands."""

    error_class: str
    tries: int
    chain: int
    attempt_id: str
    retry_after: int | None = None


def next_attempt(step: Step, failure: Failure) -> Next | None:
    """What follows a failed attempt; None: nothing, the step has failed."""
    wanted = step.retry.on if step.retry.on is not None else RETRIED
    moves = failure.error_class in MOVES_ON or (failure.error_class == "refused" and "refused" in wanted)
    if moves and failure.chain + 1 < len(step.models):
        return Next(0, failure.tries, failure.chain + 1)
    if failure.error_class not in wanted or failure.tries >= step.retry.attempts:
        return None
    if not tried_again(step, failure.error_class):
        return None
    return Next(_wait(step, failure), failure.tries + 1, 0)


def tried_again(step: Step, error_class: str) -> bool:
    """Whether a failure that leaves open what happened lets the step be done again."""
    if error_class not in UNCERTAIN or step.on_unknown == "retry":
        return True
    return repeatable(step) and (step.on_unknown is None or error_class == "timeout")


def repeatable(step: Step) -> bool:
    """Whether doing the step a second time does no harm. A child run is asked for again only where its step says so."""
    if step.idempotent or step.kind in ("model", "agent", "transform", "workflow"):
        return True
    return step.kind == "http" and _method(step) in REPEATABLE_METHODS


def _method(step: Step) -> str:
    written = step.config.constant_at("method", "GET")
    return written.upper() if isinstance(written, str) else ""


def _wait(step: Step, failure: Failure) -> int:
    """Backoff, ±20 % from the attempt's own id (the same on every machine), at least what the provider asks for."""
    retry = step.retry
    wait = min(float(retry.max), retry.backoff * retry.factor ** min(failure.tries - 1, 64))
    jitter = 0.8 + 0.4 * (crc32(failure.attempt_id.encode()) / 0xFFFFFFFF)
    asked = min(failure.retry_after or 0, LONGEST_WAIT)
    return max(int(wait * jitter), asked)
