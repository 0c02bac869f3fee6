"""A TCP proxy in the test's own reactor, whose network goes wrong on demand."""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.support.redis.environment import HOST, hold_port


class End(Protocol):
    """One of the two ends of a link: what it reads goes to the *other*, late or never."""

    transport: Any

    other: End | None = None  # None until the link reaches the upstream port
    swallows = False  # whether what it reads is lost, its end included
    allowance: int | None = None  # bytes that it still passes on before it ends the link, if it does

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._late: deque[tuple[float, bytes | None]] = deque()  # (when due, bytes or None for the end)
        self._timer: IDelayedCall | None = None
        self._lost = False
        self.gone: Deferred[None] = Deferred()  # fires once it is closed and has nothing left to pass on

    def connectionMade(self) -> None:
        self._proxy.ends.add(self)

    def dataReceived(self, data: bytes) -> None:
        if self.allowance is None:
            self._take(data)
        elif not self.swallows:
            self._take(data[: self.allowance])
            self.allowance -= len(data)
            if self.allowance <= 0:
                self._take(None)
                self.reset()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        self._take(None)
        self._settle()

    def _settle(self) -> None:
        if self._lost and not self._late:
            self._proxy.ends.discard(self)
            self.gone.callback(None)

    def _take(self, data: bytes | None) -> None:
        if self.swallows:
            return
        self._late.append((reactor.seconds() + self._proxy.seconds_late, data))
        if self._timer is None:
            self._deliver()

    def _deliver(self) -> None:
        while self._late and self._late[0][0] <= reactor.seconds():
            self._hand_over(self._late.popleft()[1])
        if self._late:
            wait = max(0.0, self._late[0][0] - reactor.seconds())
            self._timer = reactor.callLater(wait, self._deliver_late)

    def _deliver_late(self) -> None:
        self._timer = None
        self._deliver()
        self._settle()

    def _hand_over(self, data: bytes | None) -> None:
        if self.swallows or self.other is None:
            return
        if data is None:
            self.other.transport.loseConnection()
        else:
            self.other.transport.write(data)

    def reset(self) -> None:
        """Close at once, with RST; what was late is lost."""
        self.swallows = True
        self._late.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lost:
            self._settle()
        else:
            self.transport.abortConnection()


class Near(End):
    """The client's end: reads nothing until the upstream port is connected."""

    _connecting: Deferred[End] | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.swallows = self._proxy.swallows_commands
        if not self.swallows:
            self.transport.pauseProducing()
            endpoint = TCP4ClientEndpoint(reactor, HOST, self._proxy.upstream)
            self._connecting = connectProtocol(endpoint, End(self._proxy))
            self._connecting.addCallbacks(self._link, self._give_up)

    def _link(self, far: End) -> None:
        far.swallows = self._proxy.swallows_replies
        self.other, far.other = far, self
        self._connecting = None
        self.transport.resumeProducing()

    def _give_up(self, reason: Failure) -> None:
        self._connecting = None
        if not self.swallows:
            self.reset()

    def reset(self) -> None:
        self.swallows = True
        if self._connecting is not None:
            self._connecting.cancel()
        super().reset()


class Proxy(Factory):
    """Listens on *port* of 127.0.0.1 from the start on, and passes all on to the port *upstream*.

    Without a fault it adds some 0.1 ms. It keeps no limits: a slow reader fills its memory.
    """

    noisy = False

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream  # may change: counts for new connections
        self.ends: set[End] = set()
        self.seconds_late = 0.0
        self.swallows_commands = self.swallows_replies = False
        self._holder = hold_port()
        self.port: int = self._holder.getsockname()[1]
        self._listening: IListeningPort | None = None
        self.allow()

    def buildProtocol(self, addr: IAddress | None) -> Near:
        return Near(self)

    def delay(self, seconds: float) -> None:
        """Pass on what is read from now on *seconds* later, each way; the order stays."""
        self.seconds_late = seconds

    def cut(self) -> None:
        """Reset all connections; new ones work."""
        for end in tuple(self.ends):
            end.reset()

    async def refuse(self) -> None:
        """Refuse new connections; those there are stay."""
        if self._listening is not None:
            listening, self._listening = self._listening, None
            await maybeDeferred(listening.stopListening)

    def allow(self) -> None:
        """Accept new connections again, on the same port."""
        if self._listening is None:
            self._listening = reactor.listenTCP(self.port, self, interface=HOST)  # type: ignore[arg-type]

    def black_hole(self, commands: bool = True) -> None:
        """Swallow all that is read, of old and new connections; none of them closes.

        Unless *commands*, what clients say still arrives upstream: just the replies get lost.
        """
        self.swallows_commands, self.swallows_replies = commands, True
        for end in self.ends:
            end.swallows = end.swallows or commands or not isinstance(end, Near)

    def pass_on(self) -> None:
        """End `black_hole` for new connections. The old ones stay as they are: dead, until `cut`."""
        self.swallows_commands = self.swallows_replies = False

    async def stop(self) -> None:
        """Stop listening, reset all connections, wait until nothing is left of them."""
        await self.refuse()
        self.cut()
        while self.ends:
            await next(iter(self.ends)).gone
        self._holder.close()
