"""What must hold once it is calm: nothing hangs, nothing vanished, live state is the fold of the log."""

from typing import TYPE_CHECKING

from schemas.topics import COMMANDS, OUTCOMES
from tests.simulation import harness
from workflow.partition import Partition

if TYPE_CHECKING:
    from tests.simulation.truth import Reader
    from tests.simulation.world import World


def check_ending(world: "World") -> None:
    """Tell the world's truth what is not as it must be."""
    if world.truth.violations:
        return
    for reader in world.truth.readers:
        _nothing_hangs(world, reader)
    _nothing_vanished(world)
    _live_is_the_fold(world)


def _nothing_hangs(world: "World", reader: "Reader") -> None:
    number = reader.partition.number
    for run in reader.partition.runs.values():
        steps = {path: (run.steps[path].phase, run.steps[path].worker, run.steps[path].due) for path in run.live}
        world.truth.wrong(f"{number}: run {run.id} is {run.phase} and does not go on: {steps}")
    for run_id, quarantine in reader.partition.quarantined.items():
        world.truth.wrong(f"{number}: run {run_id} is quarantined: {quarantine.reason} {quarantine.traceback}")
    for kind, topic in (("command", COMMANDS), ("outcome", OUTCOMES)):
        end = world.broker.end(topic.name, number)
        if reader.taken[kind] + 1 != end:
            world.truth.wrong(f"{number}: {topic.name} ends at {end}, taken in is {reader.taken[kind]}")


def _nothing_vanished(world: "World") -> None:
    for command_id in world.clients.asked:
        if command_id not in world.truth.answered_at_home:
            world.truth.wrong(f"command {command_id} was never answered")


def _live_is_the_fold(world: "World") -> None:
    for machine in world.machines:
        if machine.worker is None or not machine.alive:
            continue
        for owner in machine.worker.owners.values():
            replayed = world.truth.readers[owner.number].partition
            for fold in (owner.state, replayed):
                fold.forget_before(harness.EPOCH + int(world.agenda.now * 1e6))
            settled = owner.phase == "live" and owner.appender is not None and not owner.appender.backlog
            if settled and owner.state.claim.epoch == replayed.claim.epoch and held(owner.state) != held(replayed):
                world.truth.wrong(f"{owner.number}: what {machine.id} holds is not the fold of the log")


def held(partition: Partition) -> tuple[object, ...]:
    """All that a decision reads; a mark tells the ends of runs by the second."""
    claim = (partition.claim.epoch, partition.claim.owner, partition.claim.n)
    return (
        partition.runs,
        partition.ended.times.keys(),
        partition.positions,
        claim,
        partition.outbox,
        partition.quarantined.keys(),
    )
