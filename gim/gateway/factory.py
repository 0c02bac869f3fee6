"""The gateway: all WebSocket connections of this node and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from secrets import token_hex

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from gim import __version__
from gim.gateway.deadlines import Deadlines, Timeouts
from gim.gateway.operations import Operations
from gim.gateway.protocol import GatewayProtocol
from gim.gateway.turn import Turn
from gim.wire.packets import Codec


class GatewayFactory(WebSocketServerFactory):
    """Makes connections and, at the end, closes them."""

    protocol = GatewayProtocol  # type: ignore[assignment]  # Twisted declares any callable
    noisy = False

    def __init__(
        self,
        operations: Operations,
        codecs: Mapping[str, Codec],
        default_codec: Codec,
        timeouts: Timeouts,
        deadlines: Deadlines,
        clock: IReactorTime,
        *,
        max_packet: int = 65536,
        max_unsent: int = 2**20,
        trace_header: str = "trace",
    ) -> None:
        """*codecs* go by the subprotocols that ask for them; *max_packet* is in bytes, of what comes
        in, *max_unsent* too, of what waits for a slow reader; *clock* serves Autobahn's timer of the
        closing handshake."""
        super().__init__(server=f"gim/{__version__}", reactor=clock)
        self.setProtocolOptions(
            versions=[13],
            webStatus=False,
            maxMessagePayloadSize=max_packet,
            maxFramePayloadSize=max_packet,
            failByDrop=False,  # else the close codes 1007 and 1009 would not be sent
            openHandshakeTimeout=0,  # `Deadlines` does it
            closeHandshakeTimeout=3,
            tcpNoDelay=True,
            allowNullOrigin=True,
        )
        self.operations = operations
        self.codecs = codecs
        self.default_codec = default_codec
        self.timeouts = timeouts
        self.deadlines = deadlines
        self.turn = Turn(clock)
        self.max_packet = max_packet
        self.max_unsent = max_unsent
        self.trace_header = trace_header.lower()
        self.connections: set[GatewayProtocol] = set()
        self._node, self._count = token_hex(4), count(1)
        self._all_closed: Deferred[None] | None = None

    def opened(self, connection: GatewayProtocol) -> str:
        """Take note of a connection and give it a key that no other one has, on any node."""
        self.connections.add(connection)
        return f"{self._node}-{next(self._count)}"

    def closed(self, connection: GatewayProtocol) -> None:
        """Take note that a connection is gone."""
        self.connections.discard(connection)
        if self._all_closed is not None and not self.connections:
            all_closed, self._all_closed = self._all_closed, None
            all_closed.callback(None)

    def close_all(self, code: int, reason: str) -> Deferred[None]:
        """Close every connection; fires when the last one is gone."""
        all_closed = self._all_closed = Deferred()
        for connection in tuple(self.connections):
            if connection.can_write():
                connection.sendClose(code, reason)
            elif connection.state == connection.STATE_CONNECTING:
                connection.dropConnection(abort=True)
        if not self.connections and self._all_closed is not None:
            self._all_closed = None
            all_closed.callback(None)
        return all_closed

    def abort_all(self) -> None:
        """Drop whatever is still connected, at once."""
        for connection in tuple(self.connections):
            connection.transport.abortConnection()
