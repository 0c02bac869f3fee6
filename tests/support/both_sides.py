"""The gateway's protocol and Autobahn's own, with the same options, on transports that take notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import txaio
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gim.gateway.protocol import GatewayProtocol
from gim.wire.json import JsonCodec
from tests.support.autobahn_text import leave_out
from tests.support.gateway import make_gateway

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\ntrace: t-1\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
leave_out()


class Wire:
    """A transport that notes what is done to it in a log that others write to as well."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        self.log.append(("write", data))

    def loseConnection(self) -> None:
        self.log.append("lose")

    def abortConnection(self) -> None:
        self.log.append("abort")
        self.is_aborted = True

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 2)

    getHost = getPeer

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        pass

    def unregisterProducer(self) -> None:
        pass


if TYPE_CHECKING:
    MixedIn = WebSocketServerProtocol
else:
    MixedIn = object


class Recording(MixedIn):
    """Mixed into a protocol: logs what it is told, and does what it is asked for in a message."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.state != self.STATE_OPEN:
            return
        self.events.append(("message", payload, isBinary))
        if payload == b"say close":
            self.sendClose(3000, "as you say")
        elif payload == b"say drop":
            self.dropConnection()
        elif payload == b"say abort":
            self.dropConnection(abort=True)
        elif payload == b"say fail":
            self._fail_connection(1008, "as you say")

    def onPing(self, payload: bytes) -> None:
        self.events.append(("ping", payload))
        super().onPing(payload)

    def onPong(self, payload: bytes) -> None:
        self.events.append(("pong", payload))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.events.append(("close", wasClean, code, reason))
        super().onClose(wasClean, code, reason)


class Ours(Recording, GatewayProtocol):
    pass


class Stock(Recording, WebSocketServerProtocol):  # type: ignore[misc]
    log = GatewayProtocol.log  # says as little


ENDS = (  # what Autobahn knows of the end of a connection
    "state",
    "wasClean",
    "wasNotCleanReason",
    "closedByMe",
    "failedByMe",
    "droppedByMe",
    "localCloseCode",
    "localCloseReason",
    "remoteCloseCode",
    "remoteCloseReason",
    "wasMaxFramePayloadSizeExceeded",
    "wasMaxMessagePayloadSizeExceeded",
)


class BothSidesTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.patch(txaio.config, "loop", self.clock)  # type: ignore[attr-defined]  # that of Autobahn's timers
        self.patch(GatewayProtocol, "_log_end", lambda *args: None)
        self.factories: dict[tuple[type[Recording], int], Any] = {}

    def factory(self, kind: type[Recording], limit: int) -> Any:
        if (kind, limit) not in self.factories:
            self.factories[kind, limit] = self.make(kind, limit)
        return self.factories[kind, limit]

    def make(self, kind: type[Recording], limit: int) -> Any:
        if kind is Ours:
            ours = make_gateway(JsonCodec(), self.clock, max_packet=limit)
            ours.protocol = Ours
            return ours
        model = self.factory(Ours, limit)
        stock = WebSocketServerFactory(server=model.server, headers={"trace": "t-1"}, reactor=self.clock)
        stock.protocol = Stock
        for name in Stock.CONFIG_ATTRS:  # all that `setProtocolOptions` sets
            setattr(stock, name, getattr(model, name))
        return stock

    def connect(self, kind: type[Recording], limit: int = 65536) -> Any:
        protocol = self.factory(kind, limit).buildProtocol(None)
        protocol.makeConnection(Wire(protocol.events))
        return protocol

    def open(self, limit: int = 65536) -> Any:
        """Return one of ours after its handshake, with an empty log."""
        protocol = self.connect(Ours, limit)
        protocol.dataReceived(HANDSHAKE)
        self.assertEqual(protocol.state, protocol.STATE_OPEN)
        protocol.events.clear()
        return protocol

    def play(self, kind: type[Recording], limit: int, pieces: list[bytes]) -> list[Any]:
        """Return all that comes of *pieces*, each a read."""
        protocol = self.connect(kind, limit)
        for piece in pieces:
            protocol.events.append("read")
            if not protocol.transport.is_aborted:
                protocol.dataReceived(piece)
                protocol.events.append(("state", protocol.state))
        rest = [protocol.data] if protocol.state != protocol.STATE_CLOSED else []
        self.clock.advance(protocol.closeHandshakeTimeout + 1)
        protocol.connectionLost(Failure(ConnectionDone()))
        return [*protocol.events, ("rest", *rest), *((name, getattr(protocol, name)) for name in ENDS)]

    def assertSame(self, limit: int, pieces: list[bytes]) -> list[Any]:
        """Compare all that happens, and in which read; what Autobahn counts alone may differ."""
        ours = self.play(Ours, limit, pieces)
        self.assertEqual(ours, self.play(Stock, limit, pieces))
        return ours


def received(events: list[Any]) -> list[tuple[bytes, bool]]:
    return [event[1:] for event in events if event[0] == "message"]
