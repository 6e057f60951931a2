"""`decide(partition, message, now)`: what a message makes happen, and all that follows from it at once.

Total: whatever raises sets its run aside (PROTOCOL.md, 20) and the partition goes on.
"""

import traceback
from collections.abc import Callable
from typing import Any

from schemas import partition as p
from schemas.codec import encode
from schemas.message import Event
from workflow import commands, marks, messages, outcomes
from workflow.messages import Message
from workflow.partition import Partition
from workflow.progress import progress
from workflow.transition import Transition


def decide(partition: Partition, message: Message, now: int) -> list[Event]:
    """The events, folded already and numbered as the standing claim's next; `now` never runs backwards."""
    now = max(now, partition.time)
    partition.forget_before(now)
    run_id, cause = message.about(partition.log)
    transition = Transition(partition, run_id, now, cause)
    before = partition.claim.n
    try:
        if run_id in partition.quarantined:
            _hold(transition, message)
        else:
            _DECISIONS[message.__class__](transition, message)
    except Exception as error:
        partition.take_back(before)
        return _quarantine(Transition(partition, run_id, now, cause), message, error)
    return transition.events + marks.carry_forward(partition, now, len(transition.events))


def _hold(t: Transition, message: Message) -> None:
    """Keep what concerns a quarantined run for its release; timers and lost workers are found again then."""
    known = t.partition.quarantined[t.run_id]
    if not known.recorded:
        reason, trace, first = known.reason, known.traceback[-8_000:], known.place.first
        t.note(p.RunQuarantined, reason=reason, traceback=trace, first_offset=first)
    match message:
        case messages.CommandTaken(command) if command.__class__.__name__ == "ReleaseRun":
            commands.release(t, command)
        case messages.Reread(_, found):
            commands.released(t, found)
        case messages.CommandTaken(body) | messages.OutcomeTaken(body):
            t.note(p.Held, message_kind=body.__class__.__name__, value=encode(body))
        case messages.CommandUnwanted() | messages.CommandAway() | messages.InputUnreadable():
            _DECISIONS[message.__class__](t, message)


def _quarantine(t: Transition, message: Message, error: Exception) -> list[Event]:
    reason, trace = f"deciding raised {type(error).__name__}: {error}", traceback.format_exc()
    t.partition.set_aside(t.run_id, reason, trace)
    _hold(t, message)
    if isinstance(message, messages.Reread):
        commands.still_failing(t, message.found.asked(), reason)
    return t.events


def _unwanted(t: Transition, message: messages.CommandUnwanted) -> None:
    t.note(
        p.CommandRefused,
        command=message.command,
        command_id=message.command_id,
        reason=message.reason,
        message=message.message,
    )


def _away(t: Transition, message: messages.CommandAway) -> None:
    t.note(p.CommandForwarded, command_id=message.command_id, home=message.home, value=message.value)


def _unreadable(t: Transition, message: messages.InputUnreadable) -> None:
    t.note(
        p.InputRejected,
        topic=message.topic,
        reason=message.reason,
        message=message.message,
        size=message.size,
        deadletter=message.deadletter,
    )


_DECISIONS: dict[type[Any], Callable[[Transition, Any], None]] = {
    messages.CommandTaken: commands.take,
    messages.CommandUnwanted: _unwanted,
    messages.CommandAway: _away,
    messages.InputUnreadable: _unreadable,
    messages.OutcomeTaken: outcomes.take,
    messages.TimerDue: outcomes.timer_due,
    messages.AttemptLost: outcomes.attempt_lost,
    messages.RoomFound: outcomes.room_found,
    messages.DefinitionsRead: commands.definitions_read,
    messages.MarkDue: marks.mark,
    messages.Reread: lambda t, _: None,
    messages.Resume: lambda t, _: progress(t),
}
