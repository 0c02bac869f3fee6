"""The other end of connections of `gim bench`, in memory."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from hashlib import sha1
from typing import Any

from gim.benchmark.connection import Connection
from gim.benchmark.frames import TEXT, FrameReader
from gim.benchmark.plan import Plan, User
from gim.benchmark.site import Site
from gim.errors import GimError
from gim.model import Message, Push, Sent, SessionHead
from gim.model import User as Sender
from gim.wire.json import JsonCodec

SITE = Site.of("ws://127.0.0.1:8080", 1.0)


def plan_of(measurement: str, users: int, **fields: Any) -> Plan:
    """Return a plan with a window of a minute that begins at once."""
    names = tuple(User(f"bench-{number}", "") for number in range(users))
    values: dict[str, Any] = {"rooms": ("bench-room",), "size": 64, "rate": 0.0, "in_flight": 1} | fields
    return Plan(measurement, SITE, names, ramp_up_s=0.0, window_s=60.0, **values)


class MemoryTransport(asyncio.Transport):
    """Keeps what the client writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    abort = close


class ServerEnd:
    """What a server does with one connection."""

    def __init__(self, client: Connection) -> None:
        self.client = client
        self.transport = MemoryTransport()
        self._codec = JsonCodec()
        client.connection_made(self.transport)

    def shake_hands(self, status: str = "101 Switching Protocols") -> None:
        request = self._taken().decode()
        key = request.split("Sec-WebSocket-Key: ")[1].split("\r\n")[0]
        digest = sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        accept = b64encode(digest).decode()
        self.client.on_data(
            f"HTTP/1.1 {status}\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )

    def _taken(self) -> bytes:
        written, self.transport.written = self.transport.written, b""
        return written

    def received(self) -> list[Any]:
        """Return the requests that have come since the last time, by the server's codec."""
        data, reader, texts = self._taken(), FrameReader(), list[bytes]()
        while data:  # the mask is zeros: take it out, and a frame is one of a server
            head = 2 if data[1] & 0x7F < 126 else 4
            length = data[1] & 0x7F if head == 2 else int.from_bytes(data[2:4], "big")
            end = head + 4 + length
            unmasked = bytes((data[0], data[1] & 0x7F)) + data[2:head] + data[head + 4 : end]
            texts += [payload for kind, payload in reader.feed(unmasked) if kind == TEXT]
            data = data[end:]
        return [self._codec.decode(text, is_binary=False) for text in texts]

    def send(self, payload: bytes, kind: int = TEXT) -> None:
        length = len(payload)
        head = bytes((length,)) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
        self.client.on_data(bytes((kind,)) + head + payload)

    def accept(self, request: Any) -> None:
        """Reply to a message."""
        self.send(self._codec.encode_reply(202, request.seq, Sent("0" * 32, "2:a:b", 0, 1)))

    def refuse(self, request: Any, error: GimError) -> None:
        self.send(self._codec.encode_error(request.op + 1, request.seq, error))

    def push(self, *requests: Any, skipped: int = 0) -> None:
        """Push messages, in one packet."""
        items = [
            Message("0" * 32, "2:a:b", Sender("a", "a"), "text", request.body.content, 0, 1, 1)
            for request in requests
        ]
        self.send(self._codec.encode_push(Push(SessionHead("2:a:b", 2, "a"), items, skipped)))

    def answer(self, op: int, data: Any) -> None:
        body = json.dumps({"code": 0, "msg": "", "data": data})
        self.send(json.dumps({"op": op + 1, "body": body, "seq": 0}, separators=(",", ":")).encode())
