"""A client that waits for what it asks: for jobs that need few requests, of any kind."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any, Self

from bench.process import BenchError

_TIMEOUT = 30.0  # seconds that one read may take
_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def request(op: int, body: dict[str, Any]) -> bytes:
    """Return a request as a frame with a mask of zeros; ``seq`` is left out."""
    payload = json.dumps({"op": op, "body": body}, separators=(",", ":")).encode()
    length = len(payload)
    head = struct.pack("!BB", 0x81, 0x80 | length) if length < 126 else b""
    head = head or struct.pack("!BBH", 0x81, 0xFE, length)
    return head + b"\0\0\0\0" + payload


class Client:
    """A blocking WebSocket connection that speaks JSON."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), _TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb", 1 << 20)
        self._socket.sendall(_HANDSHAKE)
        while self._file.readline() not in (b"\r\n", b""):
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def send(self, frames: bytes) -> None:
        self._socket.sendall(frames)

    def receive(self) -> bytes:
        """Return the next message."""
        first, length = self._file.read(2)
        if length == 126:
            (length,) = struct.unpack("!H", self._file.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._file.read(8))
        payload = self._file.read(length)
        if first & 0x0F == 8:
            raise BenchError(f"the server closed a connection: {payload[2:].decode()}")
        return payload

    def reply(self, op: int) -> bytes:
        """Return the next reply to an op; pushes and events are passed over."""
        begin = b'{"op":%d,' % (op + 1)
        while not (payload := self.receive()).startswith(begin):
            pass
        return payload

    def ask(self, op: int, **body: Any) -> Any:
        """Send a request that must succeed; return the data of its reply."""
        self.send(request(op, body))
        answer = json.loads(json.loads(self.reply(op))["body"])
        if answer["code"]:
            raise BenchError(f"op {op} is refused with {answer['code']}: {answer['msg']}")
        return answer["data"]

    def ask_all(self, op: int, bodies: list[dict[str, Any]], at_a_time: int = 100) -> None:
        """Send requests, so many at a time, and wait for all replies."""
        for begin in range(0, len(bodies), at_a_time):
            some = bodies[begin : begin + at_a_time]
            self.send(b"".join(request(op, body) for body in some))
            for _ in some:
                self.reply(op)
