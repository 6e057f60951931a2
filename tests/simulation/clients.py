"""Others: they start and cancel runs, at home and elsewhere, once and twice, and send what nobody can read."""

from typing import TYPE_CHECKING

import orjson

from schemas.codec import encode
from schemas.commands import CancelRun, Command, SignalRun, StartRun
from schemas.topics import COMMANDS
from streams.home import partition_of
from tests.simulation.broker import Record
from tests.simulation.workflows import LIBRARY, library

if TYPE_CHECKING:
    from tests.simulation.world import World


class Clients:
    """Commands at random times until the troubles end."""

    def __init__(self, world: "World", runs: int, until: float) -> None:
        self._world, self.until = world, until
        self.asked: dict[str, str] = {}
        """Of each command that was sent with an id: the run that it is for."""
        self.runs: set[str] = set()
        for number in range(runs):
            world.agenda.at(until * world.random.random() ** 2, self._start, number)
        self._publish()

    def _publish(self) -> None:
        """Most workflows are there from the start, some come later, one never."""
        world, chosen = self._world, library()
        self._never = world.random.randrange(LIBRARY)
        for number, workflow in enumerate(chosen):
            if number != self._never and world.random.random() < 0.95:
                world.shelf.publish(workflow, -1.0)
            elif number != self._never:
                when = self.until * world.random.random()
                world.agenda.at(when, lambda found=workflow: world.shelf.publish(found, world.agenda.now))

    def _start(self, number: int) -> None:
        world = self._world
        random = world.random.random
        run_id, workflow = f"r{number}", f"w{world.random.randrange(LIBRARY)}"
        inputs = orjson.dumps({"n": int(random() * 6)})
        if random() < 0.02:
            inputs = b'{"n":"many"}'
        start = StartRun(f"s{number}", run_id, workflow=workflow, inputs=inputs)
        self.runs.add(run_id)
        if random() < 0.02:
            document = {"command": "StartRun", "command_id": start.command_id, "run_id": run_id, "workflow": workflow}
            self._send(start, orjson.dumps({**document, "inputs": orjson.loads(inputs)}))
        else:
            self._send(start, encode(start))
        if random() < 0.04:
            world.agenda.after(4.0 * random(), self._send, start, encode(start))
        if random() < 0.04:
            cancel = CancelRun(f"c{number}", run_id, reason="enough")
            world.agenda.after(6.0 * random(), self._send, cancel, encode(cancel))
        if random() < 0.2:
            signal = SignalRun(f"g{number}", run_id, name="go")
            world.agenda.after(3.0 * random(), self._send, signal, encode(signal))
        if random() < 0.01:
            self._land(world.random.randrange(world.partitions), b"x" + run_id.encode(), b"\xc3\x01no record of ours")

    def _send(self, command: Command, value: bytes) -> None:
        """To its home, mostly."""
        world = self._world
        partition = partition_of(command.run_id, world.partitions)
        if world.random.random() < 0.04:
            partition = world.random.randrange(world.partitions)
        self.asked[command.command_id] = command.run_id
        self._land(partition, command.run_id.encode(), value)

    def _land(self, partition: int, key: bytes, value: bytes) -> None:
        self._world.broker.append(COMMANDS.name, partition, [Record(key, value)])
