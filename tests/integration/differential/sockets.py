"""A WebSocket client in JSON or Protobuf that keeps what it gets, in the order of its coming."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint

from tests.support.redis.environment import HOST, PATIENCE
from tests.support.wire import proto_values

HEARTBEAT = 105
FIRST_FENCE = 2**40  # the seqs of heartbeats that only show that all before them has arrived


class HungUp(Exception):
    """The connection is gone."""


class Socket(WebSocketClientProtocol):
    """One connection."""

    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self.in_protobuf = False
        self.packets: list[Any] = []  # pushes, events, and replies that no `ask` waits for
        self.close_code: int | None = None  # None while it is open
        self.is_logged_in = False
        self.since = ""  # of a login that was just made, where older messages come again
        self.opened: Deferred[Socket] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self._asked: dict[int, Deferred[Any]] = {}
        self._awaited: list[tuple[Callable[[Any], bool], Deferred[None]]] = []
        self._fences = FIRST_FENCE

    async def ask(self, op: int, body: dict[str, Any], seq: int) -> Any:
        """Send a request; return the packet of its reply. Raises `HungUp`."""
        if self.state != self.STATE_OPEN:
            raise HungUp
        answered = self._asked[seq] = Deferred()
        if self.in_protobuf:
            self.sendMessage(_in_protobuf(op, body, seq), isBinary=True)
        else:
            self.sendMessage(json.dumps({"op": op, "body": body, "seq": seq}).encode())
        return await answered.addTimeout(PATIENCE, reactor)

    def say(self, text: str) -> None:
        """Send a text message, whatever it holds."""
        if self.state == self.STATE_OPEN:
            self.sendMessage(text.encode())

    async def fence(self) -> None:
        """Return when all that the server wrote before has arrived, or the connection is gone."""
        self._fences += 1
        try:
            await self.ask(HEARTBEAT, {}, self._fences)
        except HungUp:
            await self.ended()

    async def gets(self, check: Callable[[Any], bool], patience: float = PATIENCE) -> None:
        """Wait for a packet that *check* holds for, unless it is there. Raises Twisted's `TimeoutError`
        after *patience* seconds, and `HungUp`."""
        if any(map(check, self.packets)):
            return
        if self.close_code is not None:
            raise HungUp
        awaited: Deferred[None] = Deferred()
        self._awaited.append((check, awaited))
        await awaited.addTimeout(patience, reactor)

    async def close(self) -> None:
        """Close it properly; return when it is gone."""
        if self.close_code is None and self.state == self.STATE_OPEN:
            self.sendClose(1000)
        await self.ended()

    async def ended(self) -> None:
        if not self.gone.called:
            gone: Deferred[None] = Deferred()
            self.gone.chainDeferred(gone)
            await gone.addTimeout(PATIENCE, reactor)

    def hang_up(self) -> Deferred[None]:
        """Drop the connection; fire when nothing is left of it."""
        self.transport.abortConnection()
        return self.gone

    # what Autobahn calls

    def onOpen(self) -> None:
        self.in_protobuf = self.websocket_protocol_in_use == "gim.proto"
        self.opened.callback(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if isBinary:
            packet = proto_values.read(payload)
        else:
            packet = json.loads(payload)
            packet["body"] = json.loads(packet["body"])
        answered = self._asked.pop(packet["seq"], None) if packet["op"] not in (207, 213) else None
        if answered is not None:
            answered.callback(packet)
        else:
            self._keep(packet)

    def _keep(self, packet: Any) -> None:
        self.packets.append(packet)
        for check, awaited in tuple(self._awaited):
            if check(packet):
                self._awaited.remove((check, awaited))
                awaited.callback(None)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.close_code = code or 1006

    def connectionLost(self, reason: Any = None) -> None:
        super().connectionLost(reason)
        self.close_code = self.close_code or 1006
        asked, self._asked = self._asked, {}
        awaited, self._awaited = self._awaited, []
        for waiting in (*asked.values(), *(deferred for _, deferred in awaited)):
            waiting.errback(HungUp())
        self.gone.callback(None)


def _in_protobuf(op: int, body: dict[str, Any], seq: int) -> bytes:
    """Write a packet without the fields whose values Protobuf can't hold."""
    request = proto_values.REQUESTS[op]()
    for name, value in body.items():
        try:
            setattr(request, name, value)
        except (TypeError, ValueError, AttributeError):
            pass
    return proto_values.packet(op, request.SerializeToString(), seq)


async def connect(port: int, protocol: str) -> Socket:
    """Return a connection to a gateway that speaks the subprotocol."""
    factory = WebSocketClientFactory(f"ws://{HOST}:{port}", protocols=[protocol])
    factory.noisy = False
    factory.protocol = Socket
    socket: Any = await HostnameEndpoint(reactor, HOST, port).connect(factory)
    await socket.opened.addTimeout(PATIENCE, reactor)
    return cast(Socket, socket)
