"""The gateway: all WebSocket connections of this node and what they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from secrets import token_hex
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime

from gim import __version__
from gim.concurrency.turns import Turns
from gim.gateway import close_codes, closing
from gim.gateway.admission import Admission
from gim.gateway.closing import Closure
from gim.gateway.connection_rules import NO_FILES, NOT_SERVING, Rejection
from gim.gateway.draining import Draining
from gim.gateway.operations import Operations
from gim.gateway.protocol import GatewayProtocol
from gim.gateway.rejecting import MAX_REFUSED_WAITING, RejectingProtocol
from gim.gateway.settings import GatewaySettings
from gim.gateway.timeout_wheel import TimeoutWheel
from gim.gateway.transport import unsent_in, upgrade
from gim.gateway.write_batch import WriteBatch
from gim.limits.limits import LimitHits, Limits
from gim.metrics.instruments.requests import RequestMetrics
from gim.push.presence import Login
from gim.wire.packets import Codec

# called with a connection, the id that it is about to log in with, and the message that says so
LoginWatch = Callable[[GatewayProtocol, str, bytes], None]
CLOSE_HANDSHAKE_TIMEOUT = 3  # seconds; Autobahn counts in whole seconds


class GatewayFactory(WebSocketServerFactory):
    """Makes connections, holds what they share, and closes them."""

    protocol = GatewayProtocol  # type: ignore[assignment]  # Twisted declares any callable
    noisy = False

    def __init__(
        self,
        settings: GatewaySettings,
        operations: Operations,
        codecs: Mapping[str, Codec],
        limits: Limits,
        hits: LimitHits,
        admission: Admission,
        timeout_wheel: TimeoutWheel,
        write_batch: WriteBatch,
        turns: Turns,
        clock: IReactorTime,
        flush_pushes: Callable[[Login], None],
        requests: RequestMetrics[int] | None = None,
        max_refused_waiting: int = MAX_REFUSED_WAITING,
    ) -> None:
        """*codecs* are by their names in the settings.

        *clock* is for Autobahn's timer of the close handshake. *flush_pushes* writes what waits to be
        pushed to a login whose connection is about to be closed. Without *requests* none are counted.
        *max_refused_waiting* is for clients that are refused as files are short.
        """
        super().__init__(server=f"gim/{__version__}", reactor=clock)
        self.setProtocolOptions(
            versions=[13],
            webStatus=False,
            maxMessagePayloadSize=settings.max_packet,
            maxFramePayloadSize=settings.max_packet,
            failByDrop=False,  # otherwise the close codes 1007 and 1009 are never sent
            openHandshakeTimeout=0,  # `TimeoutWheel` has it
            closeHandshakeTimeout=CLOSE_HANDSHAKE_TIMEOUT,
            tcpNoDelay=True,
            allowNullOrigin=True,  # lets all origins pass: the protocol checks them
        )
        self.settings = settings
        self.operations = operations
        self.codecs = {codec.name: codec for codec in codecs.values()}  # by subprotocol
        self.default_codec = codecs[settings.default_codec]
        self.limits = limits
        self.hits = hits
        self.admission = admission
        self.timeout_wheel = timeout_wheel
        self.write_batch = write_batch
        self.turns = turns
        self.requests = requests
        self.slow_readers = 0  # closed so far
        self.closes: Counter[int] = Counter()  # by close code, 0 for a code of the client's own
        self.connections: set[GatewayProtocol] = set()
        self.takes_upgrades = False  # of connections of HTTP
        self.login_watch: LoginWatch | None = None  # while users are watched
        self._flush_pushes = flush_pushes
        self._max_refused_waiting = max_refused_waiting
        self._rejected: set[RejectingProtocol] = set()  # each waits for its request
        self._node, self._count = token_hex(4), count(1)
        self._all_closed: Deferred[None] | None = None
        self._draining: Draining[GatewayProtocol] | None = None
        self._protocol_class: type[GatewayProtocol] | None = None  # from the first connection on

    def buildProtocol(self, addr: IAddress | None) -> Any:  # GatewayProtocol or RejectingProtocol
        refusal = self.admission.refuse(len(self.connections), addr)
        return self._connection() if refusal is None else self._rejecting(refusal)

    def upgrade(self, transport: Any, answered: Callable[[int], object]) -> Any:
        """Return the protocol for a connection of HTTP whose request is an opening handshake.

        Call its `makeConnection`, `shake_hands` and, for what comes behind that, `dataReceived`.
        *answered* is called with the status of the answer, 101 for a connection, unless it ends before.
        """
        upgrade(transport)
        connection = self.buildProtocol(transport.getPeer()) if self.takes_upgrades else None
        connection = connection or self._rejecting(NOT_SERVING)
        connection.is_upgraded, connection.answered = True, answered
        return connection

    def _rejecting(self, refusal: Rejection) -> RejectingProtocol:
        timeout = self.settings.timeouts.handshake
        most = self._max_refused_waiting if refusal is NO_FILES else MAX_REFUSED_WAITING
        return RejectingProtocol(refusal, self.timeout_wheel, timeout, self._rejected, most)

    def _connection(self) -> GatewayProtocol:
        if self._protocol_class is None:
            self._protocol_class = _with_options(self.protocol, self)
        connection = self._protocol_class()
        connection.factory = self
        return connection

    def opened(self, connection: GatewayProtocol) -> str:
        """Register a connection; return a key for it that is unique among all nodes."""
        self.connections.add(connection)
        self.admission.admit(connection)
        return f"{self._node}-{next(self._count)}"

    def connection(self, key: str) -> GatewayProtocol | None:
        """Return the connection with this key, None if it is not here. 0.1 us for each connection."""
        if not key.startswith(f"{self._node}-"):
            return None
        return next((each for each in self.connections if each.outbound.key == key), None)

    def closed(self, connection: GatewayProtocol, code: int | None) -> None:
        """Unregister a connection that is gone, and count its close code."""
        self.connections.discard(connection)
        self.admission.release(connection)
        self.closes[code if code and close_codes.is_known(code) else 0] += 1
        if self._all_closed is not None and not self.connections:
            all_closed, self._all_closed = self._all_closed, None
            if self._draining is not None:
                self._draining.finish()
            all_closed.callback(None)

    def drain(self, duration: float, shares: Sequence[float] = ()) -> Deferred[None]:
        """Close every connection, evenly over *duration* seconds; fires when the last one is gone.

        The port must be closed already. Each connection first gets the pushes that wait for it. *shares*
        are those of `Draining`.
        """
        self._draining = Draining(self.connections, duration, self._shut_down, self.reactor, shares)
        all_closed: Deferred[None] = Deferred()
        if self.connections:
            self._all_closed = all_closed
            self._draining.start()
        else:
            all_closed.callback(None)
        return all_closed

    def _shut_down(self, connection: GatewayProtocol, delay: float) -> None:
        if connection.state == connection.STATE_CONNECTING:
            connection.dropConnection(abort=True)
        elif connection.can_write():
            if connection.login is not None:
                self._flush_pushes(connection.login)
            connection.close_with(closing.shutting_down(delay))

    def finish_draining(self) -> None:
        """Close at once what `drain` has left, without waiting for the clients' answers."""
        if self._draining is not None:
            self._draining.finish()
            for connection in tuple(self.connections):
                connection.transport.loseConnection()

    def close_all(self, closure: Closure) -> None:
        """Begin to close every open connection; new ones are still accepted."""
        for connection in tuple(self.connections):
            connection.close_with(closure)

    def abort_all(self) -> None:
        """Drop every connection at once."""
        for connection in tuple(self.connections):
            connection.transport.abortConnection()

    @property
    def deferred_turns(self) -> int:
        """How often requests waited for another iteration of the reactor, over HTTP too."""
        return self.turns.deferred

    def unsent(self) -> int:
        """Return how many bytes wait for the readers of all connections. The cost does not depend on how
        many connections there are, but on how many have slow readers."""
        return unsent_in(self.reactor.getWriters())


def _with_options(protocol: type[GatewayProtocol], factory: GatewayFactory) -> type[GatewayProtocol]:
    """Return a subclass that has the factory's options as class attributes.

    Autobahn copies the options, about 30, to every connection and formats each for a debug line. That was
    four fifths of the cost of a new connection.
    """
    options = {name: getattr(factory, name) for name in protocol.CONFIG_ATTRS}
    attributes = {  # a function must not become a method
        name: staticmethod(value) if callable(value) else value for name, value in options.items()
    }
    return type(protocol.__name__, (protocol,), {**attributes, "CONFIG_ATTRS": ()})
