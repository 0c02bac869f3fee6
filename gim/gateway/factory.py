"""The gateway: all WebSocket connections of this node and what they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import count
from secrets import token_hex
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime

from gim import __version__
from gim.gateway import close_codes
from gim.gateway.admission import ConnectionAdmission
from gim.gateway.draining import Draining
from gim.gateway.operations import Operations
from gim.gateway.protocol import GatewayProtocol
from gim.gateway.rejecting import RejectingProtocol
from gim.gateway.timeout_wheel import Timeouts, TimeoutWheel
from gim.gateway.write_batch import WriteBatch
from gim.limits.limits import Limits
from gim.metrics.instruments.requests import RequestMetrics
from gim.net.origins import SAME_HOST, Origins
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
        deadlines: TimeoutWheel,
        turn: WriteBatch,
        clock: IReactorTime,
        *,
        max_packet: int = 65536,
        max_unsent: int = 2**20,
        trace_header: str = "trace",
        requests: RequestMetrics[int] | None = None,
        origins: Origins = SAME_HOST,
        limits: Limits | None = None,
        entrance: ConnectionAdmission | None = None,
    ) -> None:
        """*codecs* go by the subprotocols that ask for them; *max_packet* is in bytes, of what comes
        in, *max_unsent* too, of what waits for a slow reader; *origins* are the web pages that may
        connect; *limits* are none unless given, and *entrance* is theirs; *clock* serves Autobahn's timer
        of the closing handshake."""
        super().__init__(server=f"gim/{__version__}", reactor=clock)
        self.setProtocolOptions(
            versions=[13],
            webStatus=False,
            maxMessagePayloadSize=max_packet,
            maxFramePayloadSize=max_packet,
            failByDrop=False,  # else the close codes 1007 and 1009 would not be sent
            openHandshakeTimeout=0,  # `TimeoutWheel` does it
            closeHandshakeTimeout=3,
            tcpNoDelay=True,
            allowNullOrigin=True,  # it lets all origins pass: the protocol looks at them
        )
        self.operations = operations
        self.codecs = codecs
        self.default_codec = default_codec
        self.timeouts = timeouts
        self.deadlines = deadlines
        self.turn = turn
        self.max_packet = max_packet
        self.max_unsent = max_unsent
        self.trace_header = trace_header
        self.requests = requests
        self.slow_readers = 0
        self.closes: Counter[int] = Counter()  # by close code, 0 for one of the client's own
        self.origins = origins
        self.limits = limits or Limits()
        self.entrance = entrance or ConnectionAdmission(self.limits)
        self._refused: set[RejectingProtocol] = set()  # that wait for their request
        self.connections: set[GatewayProtocol] = set()
        self._node, self._count = token_hex(4), count(1)
        self._all_closed: Deferred[None] | None = None
        self._draining: Draining[GatewayProtocol] | None = None
        self._made: type[GatewayProtocol] | None = None  # with the first connection

    def buildProtocol(self, addr: IAddress | None) -> Any:  # a GatewayProtocol, or one that refuses
        refusal = self.entrance.refuse(len(self.connections), addr)
        if refusal is not None:
            return RejectingProtocol(refusal, self.deadlines, self.timeouts.handshake, self._refused)
        if self._made is None:
            self._made = _with_options(self.protocol, self)
        connection = self._made()
        connection.factory = self
        return connection

    def opened(self, connection: GatewayProtocol) -> str:
        """Take note of a connection and give it a key that no other one has, on any node."""
        self.connections.add(connection)
        self.entrance.arrived(connection)
        return f"{self._node}-{next(self._count)}"

    def closed(self, connection: GatewayProtocol, code: int | None) -> None:
        """Take note that a connection is gone, and with which close code."""
        self.connections.discard(connection)
        self.entrance.left(connection)
        self.closes[code if code and close_codes.is_known(code) else 0] += 1
        if self._all_closed is not None and not self.connections:
            all_closed, self._all_closed = self._all_closed, None
            if self._draining is not None:
                self._draining.finish()
            all_closed.callback(None)

    def drain(self, duration: float) -> Deferred[None]:
        """Close every connection, evenly over *duration* seconds; fires when the last one is gone.

        Nobody may connect any more. Each connection gets first what waits to be pushed to it.
        """
        self._draining = Draining(self.connections, duration, self._send_away, self.reactor)
        all_closed: Deferred[None] = Deferred()
        if self.connections:
            self._all_closed = all_closed
            self._draining.start()
        else:
            all_closed.callback(None)
        return all_closed

    def _send_away(self, connection: GatewayProtocol, pause: float) -> None:
        if connection.state == connection.STATE_CONNECTING:
            connection.dropConnection(abort=True)
        elif connection.can_write():
            self.operations.flush(connection)
            connection.sendClose(close_codes.SHUTTING_DOWN, close_codes.going_away(pause))

    def unsent(self) -> int:
        """Return how many bytes wait for the readers of all connections. 0.1 us for each."""
        return sum(connection.sending.unsent for connection in self.connections)

    def hurry(self) -> None:
        """Close at once all that `drain` has left, and wait for no client's answer."""
        if self._draining is not None:
            self._draining.finish()
            for connection in tuple(self.connections):
                connection.transport.loseConnection()

    def turn_away(self, code: int, reason: str) -> None:
        """Begin to close every connection that is open; new ones may come."""
        for connection in tuple(self.connections):
            if connection.can_write():
                connection.sendClose(code, reason)

    def abort_all(self) -> None:
        """Drop whatever is still connected, at once."""
        for connection in tuple(self.connections):
            connection.transport.abortConnection()


def _with_options(protocol: type[GatewayProtocol], factory: GatewayFactory) -> type[GatewayProtocol]:
    """Return the class with the factory's options as attributes of its own.

    Autobahn copies them, some 30, to every connection, and formats them for a line that nobody logs:
    that was four fifths of what it took to make a connection.
    """
    options = {name: getattr(factory, name) for name in protocol.CONFIG_ATTRS}
    attributes = {  # a function is to stay one, and not to become a method
        name: staticmethod(value) if callable(value) else value for name, value in options.items()
    }
    return type(protocol.__name__, (protocol,), {**attributes, "CONFIG_ATTRS": ()})
