"""Apache Kafka by scripts/kafka: one node or a cluster, whose nodes can be stopped, killed, paused and brought back."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRIPT = Path(__file__).parent.parent / "scripts" / "kafka"


class Cluster:
    """The nodes whose files are in a folder. Node 0 means all of them."""

    def __init__(self, folder: str, nodes: int) -> None:
        self.folder, self.nodes = folder, nodes
        self.bootstrap = ""

    def start(self, node: int = 0, *arguments: str) -> None:
        """Bring up what does not run."""
        told = self._tell("start", node, "--for", str(os.getpid()), *arguments)
        self.bootstrap = self.bootstrap or told

    def stop(self, node: int = 0) -> None:
        """SIGTERM: a broker hands its partitions over, and ends."""
        self._tell("stop", node)

    def kill(self, node: int = 0) -> None:
        """SIGKILL."""
        self._tell("kill", node)

    def pause(self, node: int = 0) -> None:
        """SIGSTOP: connections stay open, and nothing answers."""
        self._tell("pause", node)

    def resume(self, node: int = 0) -> None:
        """SIGCONT."""
        self._tell("resume", node)

    def _tell(self, verb: str, node: int, *arguments: str) -> str:
        command = [
            str(SCRIPT),
            verb,
            "--data",
            self.folder,
            *(["--node", str(node)] if node and self.nodes > 1 else []),
        ]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=180)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
        return done.stdout.strip()


@contextmanager
def cluster(*arguments: str, nodes: int = 1) -> Iterator[Cluster]:
    """A cluster in a folder of its own, on free ports; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="millrace-kafka-") as folder:
        made = Cluster(folder, nodes)
        made.start(0, "--port", "0", "--nodes", str(nodes), *arguments)
        try:
            yield made
        finally:
            made.stop()
