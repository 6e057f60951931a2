"""Frames on the child's side; the parent's `steps/toolhost/frames.py` says what they are."""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque

HEAD = struct.Struct(">IHB")
READY, CALL, CANCEL, RETURNED, FAILED, RELEASED = range(6)


class Reader:
    """Cuts what the parent sends into frames."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = bytearray()

    def read(self) -> list[tuple[int, int, bytes]] | None:
        """Waits for bytes and gives the frames that are complete (kind, call, body); None when the parent is gone."""
        try:
            chunk = self._connection.recv(1 << 18)
        except ConnectionResetError:  # it went with answers unread
            return None
        if not chunk:
            return None
        self._received += chunk
        return self._cut()

    def _cut(self) -> list[tuple[int, int, bytes]]:
        received, position, frames = self._received, 0, []
        while len(received) - position >= HEAD.size:
            length, call, kind = HEAD.unpack_from(received, position)
            start = position + HEAD.size
            if start + length > len(received):
                break
            position = start + length
            frames.append((kind, call, bytes(received[start:position])))
        del received[:position]
        return frames


class Writer:
    """The way back. Whoever finds nobody writing writes for all who come meanwhile."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._writing = False

    def send(self, kind: int, call: int, body: bytes) -> None:
        with self._lock:
            self._waiting.append(HEAD.pack(len(body), call, kind) + body)
            if self._writing:
                return
            self._writing = True
        try:
            while frames := self._collect():
                self._connection.sendall(frames)
        except OSError:
            return  # the parent is gone, which the reader sees too, and ends us

    def _collect(self) -> bytes:
        with self._lock:
            frames = b"".join(self._waiting)
            self._waiting.clear()
            self._writing = bool(frames)
        return frames
