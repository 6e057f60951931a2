"""What every event carries, and the small records inside others."""

from schemas.record import Json, Micros, NanoUsd, record


@record
class Cause:
    """What made an event happen: `command` or `outcome` (the offset in its topic), `timer`, `lost`, `step`, `recovery`.

    `id` names it further: the command id, the attempt, the lost worker. `log` is the log that the offset belongs to.
    """

    kind: str
    log: int = 0
    offset: int = -1
    id: str = ""


@record
class Event:
    """The envelope: valid iff epoch and owner are the current ones and n is the next (PROTOCOL.md, 2).

    `seq` counts the events of a run from 1; 0 is a fact about a run that is not part of its state.
    """

    run_id: str
    seq: int
    epoch: int
    owner: str
    n: int
    time: Micros
    cause: Cause


@record
class ModelCall:
    """One call to a model, as billed. Input tokens include cached ones; output tokens include thinking."""

    provider: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    thinking_tokens: int = 0
    cost: NanoUsd | None = None
    started: Micros = 0
    ended: Micros = 0
    first_token: Micros | None = None
    response_model: str = ""
    stop: str = ""
    request_id: str = ""
    error_class: str = "ok"
    raw: Json | None = None


@record
class Positions:
    """The next offsets to take in, of commands and of outcomes."""

    commands: int = 0
    outcomes: int = 0


@record
class Finished:
    """A run that ended within the dedupe window: an 8-byte hash of its id, and when it ended."""

    id_hash: int
    time: Micros


@record
class Ended:
    """So many runs, one after the other, that ended within a second; `time` is the end of that second."""

    count: int
    time: Micros


@record
class SetAside:
    """A quarantined run; its release reads it again from `first_offset` on."""

    run_id: str
    first_offset: int


@record
class Origin:
    """Where a forwarded command was found."""

    topic: str = ""
    partition: int = -1
    offset: int = -1
