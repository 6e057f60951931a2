"""Marks, and the snapshots that let the low watermark move on: what an owner appends for those who read after it."""

from schemas import partition as p
from schemas.message import Cause, Event, Positions, SetAside
from schemas.topics import MAX_RECORD
from workflow.ended import DEDUPE_LIMIT
from workflow.messages import MarkDue
from workflow.partition import Partition
from workflow.snapshot import STATE_VERSION, freeze
from workflow.transition import Transition
from workflow.watermark import Place

#: Bytes of a mark beside the ids of ended runs and of quarantined ones.
_ENVELOPE = 16_384


def mark(t: Transition, message: MarkDue) -> None:
    """Where recovery may begin, unless so many runs are quarantined that their ids alone fill a record."""
    partition = t.partition
    _try_again(t)
    aside = [SetAside(run_id, known.place.first) for run_id, known in partition.quarantined.items()]
    room = MAX_RECORD - _ENVELOPE - sum(len(one.run_id.encode()) + 16 for one in aside)
    if room < 0:
        return
    claim = partition.claim
    low = partition.watermark.low() or Place(partition.end, claim.epoch, claim.owner, claim.n + 1, partition.end)
    partition.ended.forget_before(t.now, min(DEDUPE_LIMIT, room // 8))
    ids, ended = partition.ended.packed()
    t.note(
        p.PartitionMarked,
        log=partition.log,
        low=low.offset,
        positions=Positions(partition.positions["command"], partition.positions["outcome"]),
        epoch_at_low=low.epoch,
        owner_at_low=low.owner,
        n_at_low=low.n - 1,
        outbox_low=message.n,
        outbox_epoch=message.epoch,
        at=partition.end,
        ended_ids=ids,
        ended=ended,
        set_aside=aside,
    )


def carry_forward(partition: Partition, now: int, most: int) -> list[Event]:
    """Snapshots of the runs that stand furthest back, no more of them than other records: never a burst."""
    events: list[Event] = []
    while len(events) < most and (run_id := partition.watermark.overdue(partition.end)) is not None:
        t = Transition(partition, str(run_id), now, Cause("owner", partition.log))
        snapshot(t)
        events += t.events
    return events


def snapshot(t: Transition) -> None:
    """The run as it stands; where that is too large for a record, the run holds the watermark."""
    watermark, run_id = t.partition.watermark, t.run_id
    place = watermark.place_of(run_id)
    try:
        state = freeze(t.partition.runs[run_id])
    except Exception as error:  # a decision is total: this run is read from its beginning, and somebody told
        state = None
        t.partition.warnings.append(f"run {run_id} has no snapshot: {type(error).__name__}: {error}")
    if state is None or place is None:
        return watermark.fix(run_id)
    t.note(p.RunSnapshotted, state_version=STATE_VERSION, first_offset=place.first, state=state)


def _try_again(t: Transition) -> None:
    """One of the runs that were too large may have become smaller."""
    large = next((key for key in t.partition.watermark.fixed if isinstance(key, str)), None)
    if large is not None:
        again = Transition(t.partition, large, t.now, t.cause)
        snapshot(again)
        t.events += again.events
