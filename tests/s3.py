"""An S3 of our own, which speaks over the network as the real one does."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds in which it must come up.
WITHIN = 60.0


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """The environment in which the bucket `backups` is found."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    said = {"ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s", "REGION": "us-east-1", "ALLOW_HTTP": "true"}
    environment = {f"AWS_{name}": value for name, value in said.items()}
    try:
        _make_bucket(f"http://127.0.0.1:{port}/backups", server)
        yield environment | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    finally:
        server.kill()
        server.wait()


def _make_bucket(url: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + WITHIN
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=10):
                return
        except OSError:
            assert server.poll() is None and time.monotonic() < until, "the S3 of the tests does not come up"
            time.sleep(0.1)
