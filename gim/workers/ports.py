"""The worker's ports: they bind nothing, and serve the sockets that the parent hands over."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet import tcp
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, IListeningPort, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from gim.gateway.accepting import MAX_ACCEPTS
from gim.gateway.connection_rules import Rejection
from gim.gateway.transport import (
    BufferingServer,
    BufferingUnixServer,
    DirectServer,
    DirectUnixServer,
)
from gim.log.logger import Logger
from gim.workers.closings import Closings
from gim.workers.hand_over import API, GATEWAY, Arrival, decode, receive, socket_of
from gim.workers.verdicts import VERDICTS

if TYPE_CHECKING:
    _Transport = tcp.Server
else:
    _Transport = object


class _HandedOver(_Transport):
    """A mixin for Twisted's server transports, before their class: tells its port of its end."""

    arrival: Arrival  # it came with
    server: Any  # a HandedOverPort

    def connectionLost(self, reason: Failure) -> None:
        try:
            super().connectionLost(reason)
        finally:
            self.server.lost(self.arrival)


class _GatewayTcp(_HandedOver, DirectServer):
    pass


class _GatewayUnix(_HandedOver, DirectUnixServer):
    pass


class _ApiTcp(_HandedOver, BufferingServer):
    pass


class _ApiUnix(_HandedOver, BufferingUnixServer):
    pass


_TRANSPORTS: dict[tuple[int, int], type[Any]] = {
    (GATEWAY, socket.AF_INET): _GatewayTcp,
    (GATEWAY, socket.AF_INET6): _GatewayTcp,
    (GATEWAY, socket.AF_UNIX): _GatewayUnix,
    (API, socket.AF_INET): _ApiTcp,
    (API, socket.AF_INET6): _ApiTcp,
    (API, socket.AF_UNIX): _ApiUnix,
}


@implementer(IListeningPort)
class HandedOverPort:
    """A port of one kind of connections, the sockets of which the parent accepts."""

    source: HandedOverPorts  # of its connections
    _log = Logger()
    _realPortNumber = 0  # Twisted's transports have it in their repr

    def __init__(self, factory: Any, reactor: Any) -> None:
        """*factory* makes the protocols, and what the endpoint wraps around them."""
        self.factory = factory
        self._reactor = reactor
        self._is_open, self._is_reading = True, True
        self._held: list[tuple[Arrival, socket.socket]] = []  # while it is not reading
        self._count = 0
        self.startListening()

    def startListening(self) -> None:
        """See `IListeningPort`."""
        self.factory.doStart()

    def stopListening(self) -> None:
        """See `IListeningPort`. It serves first what the parent has handed over before."""
        self.source.take_all()
        self._is_open = False
        self.startReading()  # hangs up on clients that it holds
        self.factory.doStop()

    def getHost(self) -> UNIXAddress:
        """See `IListeningPort`. It has no address of its own."""
        return UNIXAddress(None)

    def stopReading(self) -> None:
        """Let clients wait from now on."""
        self._is_reading = False

    def startReading(self) -> None:
        """Serve clients, the waiting ones first."""
        self._is_reading = True
        held, self._held = self._held, []
        for arrival, accepted in held:
            self.serve(arrival, accepted)

    def serve(self, arrival: Arrival, accepted: socket.socket) -> None:
        """Make a connection of a socket."""
        if not self._is_reading:
            self._held.append((arrival, accepted))
            return
        self.source.judged(VERDICTS[arrival.verdict])
        try:
            client, address = _peer_of(arrival)
            protocol = self.factory.buildProtocol(address) if self._is_open else None
            if protocol is None:
                accepted.close()
                self.lost(arrival)
            else:
                self._connect(arrival, accepted, client, protocol)
        except Exception:
            self._log.failure("a connection could not be made")
            accepted.close()
            self.lost(arrival)
        finally:
            self.source.judged(None)

    def _connect(self, arrival: Arrival, accepted: socket.socket, client: Any, protocol: Any) -> None:
        self._count += 1
        make = _TRANSPORTS[arrival.kind, arrival.family]
        transport = make(accepted, protocol, client, self, self._count, self._reactor)
        transport.arrival = arrival
        try:
            protocol.makeConnection(transport)
        except Exception:
            self._log.failure("a connection could not begin")
            transport.abortConnection()

    def lost(self, arrival: Arrival) -> None:
        """Take note that a connection has ended."""
        if not arrival.verdict:
            self.source.closings.add(arrival.kind, arrival.group)


@implementer(IReadDescriptor)
class HandedOverPorts(Service):
    """Reads the sockets that the parent hands over, and gives each to the port of its kind.

    Use it so, in a worker:

    - Make the endpoints of the texts ``without_socket(text)`` with ``WorkerReactor(reactor)``, both of
      `gim.workers.worker_reactor`, and `Listening` services of them, with
      ``partial(ports.take, GATEWAY)`` or ``API`` as *prepare*.
    - As a service it starts after the ports and ends before the link.
    """

    name = "hand-over"

    def __init__(
        self,
        end: socket.socket,
        closings: Closings,
        judged: Callable[[Rejection | None], None],
        reactor: Any,
    ) -> None:
        """*end* is the worker's one of `make_pair`. *judged* is called with the parent's verdict before
        each connection is made, and with None after it."""
        end.setblocking(False)
        self.closings = closings
        self._end = end
        self.judged = judged
        self._reactor = reactor
        self._ports: dict[int, HandedOverPort] = {}  # by kind

    def take(self, kind: int, port: Any) -> None:
        """Let a port have the connections of a kind."""
        port.source = self
        self._ports[kind] = port

    def startService(self) -> None:
        super().startService()
        self._reactor.addReader(self)

    def stopService(self) -> None:
        super().stopService()
        self._reactor.removeReader(self)
        self._end.close()

    def doRead(self) -> None:
        """Take some sockets; others get their turn in the next iteration of the reactor."""
        for _ in range(MAX_ACCEPTS):
            if not self._take_one():
                return

    def take_all(self) -> None:
        """Take all sockets that the parent has handed over."""
        while self.running and self._take_one():
            pass

    def _take_one(self) -> bool:
        """Take a socket; return whether there may be more."""
        try:
            header, files = receive(self._end)
        except BlockingIOError:
            return False
        if not header:  # the parent has ended
            self._reactor.removeReader(self)
            return False
        arrival = decode(header)
        port = self._ports[arrival.kind]
        for file in files:
            port.serve(*socket_of(arrival, file))
        if not files:  # this process may have no further one open
            port.lost(arrival)
        return True

    def fileno(self) -> int:
        """See `IReadDescriptor`."""
        return self._end.fileno()

    def connectionLost(self, reason: Failure) -> None:
        """Do nothing: the end of the parent is found out elsewhere."""

    def logPrefix(self) -> str:
        """See `IReadDescriptor`."""
        return self.name


def _peer_of(arrival: Arrival) -> tuple[Any, IAddress]:
    """Return the peer's address as `socket.accept` returns it, and as Twisted has it."""
    if arrival.family == socket.AF_UNIX:
        name = os.fsdecode(arrival.client)
        return name, UNIXAddress(name)
    make = IPv6Address if arrival.family == socket.AF_INET6 else IPv4Address
    return tuple(arrival.client), make("TCP", *arrival.client)
