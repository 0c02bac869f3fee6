"""A WebSocket of the generator: as little as a client needs, on an asyncio protocol."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from hashlib import sha1
from secrets import token_bytes
from typing import Any, Protocol, TypeVar

from gim.benchmark.frames import CLOSE, PING, PONG, TEXT, BadFrame, FrameReader, frame
from gim.benchmark.packets import LOGIN, Refusal, reply_data, request
from gim.benchmark.plan import User
from gim.benchmark.site import Site

NORMAL, PROTOCOL_ERROR, ABNORMAL = 1000, 1002, 1006  # close codes of RFC 6455, section 7.4.1
MAX_HANDSHAKE = 16384  # bytes
_READ_SIZE = 1 << 16  # bytes
_ACCEPT_OF = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_END = b"\r\n\r\n"
_LAST_OF_OP = len(b'{"op":10')  # where the last digit of an op is; the digit of a reply is even

AnyConnection = TypeVar("AnyConnection", bound="Connection")


class HandshakeRefused(Exception):
    """The server answered a handshake with another status than 101."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}, {reason}")
        self.status = status
        self.reason = reason


class ConnectionEnded(Exception):
    """The connection ended before the reply came."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}, {reason}" if reason else f"{code}")
        self.code = code
        self.reason = reason


class Owner(Protocol):
    """What a connection belongs to."""

    bytes_in: int

    def ended(self, connection: Any, code: int, reason: str) -> None:
        """Note that an open connection has ended without having been told to."""


class Connection(asyncio.BufferedProtocol):
    """A client; what it asks for is answered in order.

    All connections read into one buffer: asyncio would allocate 256 KiB for each read, which costs more
    than to handle what is read.
    """

    transport: asyncio.Transport
    _buffer = memoryview(bytearray(_READ_SIZE))

    def __init__(self, owner: Owner, site: Site) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_open = False
        self._owner = owner
        self._site = site
        self._key = b64encode(token_bytes(16))
        self._handshake: bytes | None = b""  # what of it has come, None when it is complete
        self._reader = FrameReader()
        self._asked: deque[asyncio.Future[Any]] = deque()
        self._is_leaving = False
        self._close = ABNORMAL, ""  # code and reason

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        lines = [
            f"GET {self._site.path} HTTP/1.1",
            f"Host: {self._site.authority}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {self._key.decode()}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: gim.json",
        ]
        transport.write("\r\n".join(lines).encode() + _END)

    @property
    def is_between_frames(self) -> bool:
        """Whether the next byte begins a frame that is not part of a message."""
        return self._reader.is_between_frames

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.on_data(self._buffer[:nbytes].tobytes())

    def on_data(self, data: bytes) -> None:
        """Take what has come."""
        if self._handshake is not None:
            data = self._after_handshake(self._handshake + data)
        self._owner.bytes_in += len(data)
        try:
            for kind, payload in self._reader.feed(data):
                if kind == TEXT:
                    self.on_text(payload)
                elif kind == PING:
                    self.transport.write(frame(PONG, payload))
                elif kind == CLOSE:
                    self._closed(payload)
        except BadFrame as error:
            self._close = PROTOCOL_ERROR, str(error)
            self.transport.abort()
        self.on_read()

    def on_text(self, payload: bytes) -> None:
        """Take a packet. Replies end `ask`; pushes and events are of no interest here."""
        if self._asked and len(payload) > _LAST_OF_OP and payload[_LAST_OF_OP] % 2 == 0:
            self._answered(payload)

    def on_read(self) -> None:
        """Do what follows once all that was read is taken."""

    def _after_handshake(self, data: bytes) -> bytes:
        """Return what comes behind the response to the handshake, b"" as long as it is not complete."""
        top, end, rest = data.partition(_END)
        if not end and len(data) < MAX_HANDSHAKE:
            self._handshake = data
            return b""
        self._handshake = None
        first, *lines = top.decode("latin-1").split("\r\n")
        _, _, status = first.partition(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        accept = b64encode(sha1(self._key + _ACCEPT_OF).digest()).decode()
        if status.startswith("101") and headers.get("sec-websocket-accept") == accept:
            self.is_open = True
            if not self.opened.done():
                self.opened.set_result(None)
            return rest
        code = int(status[:3]) if first.startswith("HTTP/1.") and status[:3].isdecimal() else 0
        if not self.opened.done():
            self.opened.set_exception(HandshakeRefused(code, status[4:] or "this is not a WebSocket"))
        self.transport.abort()
        return b""

    def _closed(self, payload: bytes) -> None:
        if len(payload) >= 2:
            self._close = int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace")
        self.transport.write(frame(CLOSE, payload[:2]))
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        was_open, self.is_open = self.is_open, False
        for waiting in (self.opened, *self._asked):
            if not waiting.done():
                waiting.set_exception(ConnectionEnded(*self._close))
        self.gone.set_result(None)
        if was_open and not self._is_leaving:
            self._owner.ended(self, *self._close)

    async def ask(self, op: int, body: dict[str, Any]) -> Any:
        """Send a request and return the data of its reply.

        Raises `Refusal`, `ConnectionEnded`, and TimeoutError when no reply comes.
        """
        if not self.is_open:
            raise ConnectionEnded(*self._close)
        asked = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        self.transport.write(frame(TEXT, request(op, body)))
        async with asyncio.timeout(self._site.timeout_s):
            return await asked

    def _answered(self, payload: bytes) -> None:
        asked = self._asked.popleft()
        if asked.done():
            return
        try:
            asked.set_result(reply_data(payload))
        except Refusal as refusal:
            asked.set_exception(refusal)

    def hang_up(self) -> None:
        """Close it; ``gone`` has a result once it is closed."""
        self._is_leaving = True
        if self.is_open:
            self.transport.write(frame(CLOSE, NORMAL.to_bytes(2, "big")))
        else:
            self.transport.abort()

    def drop(self) -> None:
        """End it at once."""
        self._is_leaving = True
        self.transport.abort()


async def logged_in(site: Site, tls: Any, user: User, make: Callable[[], AnyConnection]) -> AnyConnection:
    """Return a connection of a user.

    Raises `HandshakeRefused`, `Refusal`, `ConnectionEnded`, OSError, TimeoutError.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(site.timeout_s):
        _, connection = await loop.create_connection(make, site.host, site.port, ssl=tls)
    try:
        async with asyncio.timeout(site.timeout_s):
            await connection.opened
        body = {"id": user.id} | ({"token": user.token} if user.token else {})
        await connection.ask(LOGIN, body)
    except BaseException:
        connection.drop()
        raise
    return connection
