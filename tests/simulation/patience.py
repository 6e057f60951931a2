"""Who is declared lost, and who is not: neither too early nor too late (PROTOCOL.md, 9 and 10)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.machine import Machine
    from tests.simulation.truth import Reader
    from tests.simulation.world import World

#: Seconds after which a thawed process has beaten again, as others see it.
AGAIN = 3.0
#: Seconds within which a process takes up what its predecessor on the seat had.
SOON = 5.0


def check_loss(world: "World", worker: str) -> None:
    """A worker is declared lost: not one that is well, however long the broker was away."""
    machine, now = world.machine(worker), world.agenda.now
    seat_taken = machine.usurped or any(_successors(world, machine))  # it need not know that yet itself
    well = machine.up and now - machine.thawed > AGAIN and not (machine.leaving or seat_taken)
    if well and now > world.requests_fail_until:
        world.truth.wrong(f"{worker} is declared lost and is well")


def check_seats(world: "World") -> None:
    """In calm: nothing waits for a worker whose seat another has taken."""
    now = world.agenda.now
    if now - world.troubled_until < SOON:
        return
    for reader in world.truth.readers:
        if not _live_for_long(world, reader, now):
            continue
        for run in reader.partition.runs.values():
            for path in run.live:
                state = run.steps[path]
                if state.phase != "scheduled" or not state.worker:
                    continue
                if _seat_taken(world, world.machine(state.worker), now):
                    world.truth.wrong(f"{run.id}:{path} waits for {state.worker}, whose seat is taken")


def _live_for_long(world: "World", reader: "Reader", now: float) -> bool:
    """Whether the owner of the standing claim has known for a while that it is the owner."""
    worker = world.machine(reader.owner).worker if reader.owner else None
    owner = worker.owners.get(reader.partition.number) if worker is not None else None
    if owner is None or owner.phase != "live" or not world.machine(reader.owner).up:
        reader.live_since = None
    elif reader.live_since is None or reader.live_since[0] != reader.epoch:
        reader.live_since = (reader.epoch, now)
    return reader.live_since is not None and now - reader.live_since[1] >= SOON


def _seat_taken(world: "World", gone: "Machine", now: float) -> bool:
    return not gone.alive and any(now - successor.ready > SOON for successor in _successors(world, gone))


def _successors(world: "World", gone: "Machine") -> "Iterator[Machine]":
    later = world.machines[world.machines.index(gone) + 1 :]
    return (machine for machine in later if machine.seat == gone.seat and machine.up)
