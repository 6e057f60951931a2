"""Where the broker of dev listens: where other commands look for it, if that can be had."""

import socket

_LOOPBACK = ("127.0.0.1", "localhost")


def choose(port: int | None, broker: str) -> int | None:
    """The port that was asked for; else that of the settings if it is free on this machine; else any (None)."""
    if port is not None:
        return port
    host, _, number = broker.rpartition(":")
    return int(number) if host in _LOOPBACK and _free(int(number)) else None


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
