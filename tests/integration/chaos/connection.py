"""One WebSocket connection of a device, and requests over HTTP; how each ended is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import treq
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import HostnameEndpoint

from tests.integration.chaos.codecs import Codec, Packet
from tests.integration.chaos.journal import EVENT, PUSH, Asked, Journal
from tests.support.redis.environment import HOST

GIVE_UP = 30.0  # seconds, more than any answer may take: what is hung until then stays hung


class HungUp(Exception):
    """There was no answer: the connection is gone, or what lies on its way hung too long."""


class Connection(WebSocketClientProtocol):
    """Replies are matched by ``seq``; what the server sends by itself goes to *heard*."""

    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self.opened: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self.is_gone = False
        self.close_code: int | None = None
        self.heard: Callable[[Packet], None] = lambda packet: None
        self.replied: Callable[[int], None] = lambda seq: None
        self.lost: Callable[[], None] = lambda: None
        self._waiting: dict[int, tuple[Asked, Deferred[Packet]]] = {}
        self._seq = 0

    def prepare(self, who: str, path: tuple[str, ...], codec: Codec, journal: Journal) -> None:
        self._who, self._path, self._codec, self._journal = who, path, codec, journal

    def ask(self, op: int, **body: Any) -> Deferred[Packet]:
        """Send a request; fire with its reply. Fails with `HungUp`."""
        asked = Asked(self._who, f"op {op}", self._path, reactor.seconds())
        self._journal.asked.append(asked)
        self._seq += 1
        replied: Deferred[Packet] = Deferred()
        self._waiting[self._seq] = asked, replied
        if self.is_gone or self.state != self.STATE_OPEN:
            self._drop()
        else:
            self.sendMessage(self._codec.encode(op, body, self._seq), self._codec.is_binary)
        return replied.addTimeout(GIVE_UP, reactor, self._give_up)

    def _give_up(self, result: Any, timeout: float) -> Any:
        self.hang_up()
        raise HungUp(f"no answer within {timeout} s")

    def hang_up(self) -> None:
        """Drop the connection at once."""
        if not self.is_gone:
            self.transport.abortConnection()

    # what Autobahn calls

    def onOpen(self) -> None:
        if not self.opened.called:
            self.opened.callback(None)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        packet = self._codec.decode(payload)
        if packet.op in (PUSH, EVENT):
            self.heard(packet)
            return
        asked, replied = self._waiting.pop(packet.seq)
        asked.ended_at, asked.code, asked.note = reactor.seconds(), packet.code, packet.message
        self.replied(packet.seq)
        if not replied.called:
            replied.callback(packet)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.close_code = code

    def connectionLost(self, reason: Any = None) -> None:
        super().connectionLost(reason)
        self.is_gone = True
        self.lost()
        if not self.opened.called:
            self.opened.errback(HungUp("before the end of the handshake"))
        self._drop()
        self.gone.callback(None)

    def _drop(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for asked, replied in waiting.values():
            asked.ended_at = reactor.seconds()
            if not replied.called:
                replied.errback(HungUp("the connection is gone"))


async def connect(
    port: int, who: str, path: tuple[str, ...], codec: Codec, journal: Journal
) -> Connection:
    """Return an open connection to a gateway. Raises `HungUp`."""
    factory = WebSocketClientFactory(f"ws://{HOST}:{port}", protocols=[codec.name])
    factory.noisy = False
    factory.protocol = Connection
    factory.setProtocolOptions(openHandshakeTimeout=GIVE_UP)
    asked = Asked(who, "handshake", path, reactor.seconds())
    journal.asked.append(asked)
    try:
        connection: Any = await HostnameEndpoint(reactor, HOST, port).connect(factory)
        connection.prepare(who, path, codec, journal)
        await connection.opened
    except Exception as e:
        raise HungUp(f"not connected: {e}") from e
    finally:
        asked.ended_at = reactor.seconds()
    assert isinstance(connection, Connection)
    return connection


async def http(
    journal: Journal,
    who: str,
    path: tuple[str, ...],
    method: str,
    url: str,
    token: str = "",
    json: Any = None,
) -> tuple[int, Any]:
    """Ask the HTTP API; return status and data. Raises `HungUp`."""
    asked = Asked(who, f"{method} {url.partition('/v1')[2]}", path, reactor.seconds())
    journal.asked.append(asked)
    headers: Any = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        response = await treq.request(
            method, url, json=json, headers=headers, persistent=False, timeout=GIVE_UP
        )
        answer = await treq.json_content(response).addTimeout(GIVE_UP, reactor)
    except (TimeoutError, Exception) as e:
        asked.ended_at = reactor.seconds()
        raise HungUp(f"no answer: {e!r}") from e
    asked.ended_at = reactor.seconds()
    if response.code != 401:  # a token of a clock that was set: the caller fetches another one
        asked.code, asked.note = response.code if response.code != 200 else 0, answer["msg"]
    return response.code, answer["data"]
