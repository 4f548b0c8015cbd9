"""JSON messages over a socket, and open sockets passed along with them."""

from __future__ import annotations

import json
import os
import socket
from collections import deque

_LENGTH = 8
_PIECE = 1 << 16


class Channel:
    """One end of a socket. A message is its length (8 bytes, little endian) and its JSON."""

    def __init__(self, end: socket.socket):
        self._socket = end
        self._pending = bytearray()
        self._passed: deque[int] = deque()

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def send(self, message: dict, passing: socket.socket | None = None) -> None:
        """Send a message, and with it an open socket. Raises OSError when the other end is gone."""
        body = json.dumps(message).encode()
        packet = len(body).to_bytes(_LENGTH, "little") + body
        if passing is not None:
            sent = socket.send_fds(self._socket, [packet], [passing.fileno()])
            packet = packet[sent:]
        self._socket.sendall(packet)

    def receive(self) -> list[dict]:
        """Read once and give the messages that are complete, perhaps none: half a message never blocks.

        Raises EOFError at the end, or when the other end is gone.
        """
        try:
            piece, passed, _, _ = socket.recv_fds(self._socket, _PIECE, 16)
        except ConnectionError:
            piece, passed = b"", []
        if not piece:
            raise EOFError
        for descriptor in passed:
            os.set_inheritable(descriptor, False)
        self._passed.extend(passed)
        self._pending += piece
        return self._complete()

    def rest(self) -> list[dict]:
        """The messages that have arrived; for an end whose other one is gone."""
        self._socket.setblocking(False)
        messages = []
        try:
            while True:
                messages += self.receive()
        except (EOFError, BlockingIOError):
            return messages

    def take_passed(self) -> socket.socket:
        """The next socket that came along with a message."""
        return socket.socket(fileno=self._passed.popleft())

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def _complete(self) -> list[dict]:
        messages = []
        start = 0
        while len(self._pending) - start >= _LENGTH:
            body = start + _LENGTH
            end = body + int.from_bytes(self._pending[start:body], "little")
            if len(self._pending) < end:
                break
            messages.append(json.loads(self._pending[body:end]))
            start = end
        del self._pending[:start]
        return messages
