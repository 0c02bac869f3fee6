"""A server's connection without a socket: bytes in, bytes out, and when it is gone."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure


class Transport(StringTransport):
    """Takes all that is written, and pulls from pull producers."""

    producer: Any

    has_unsent = False  # bytes that its peer does not read: it closes when told to abort only
    is_closing = False
    is_aborting = False

    takes = 0  # bodies until it is full, as a socket whose peer does not read; 0 for any number
    _count = 0

    def write(self, data: bytes) -> None:
        super().write(data)
        self._count += data.startswith(b"{") or b"\r\n\r\n{" in data
        if self.takes and self._count == self.takes:
            self.producer.pauseProducing()

    def taken(self) -> None:
        """Be told that the peer has read it all."""
        self._count = 0
        self.producer.resumeProducing()

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def loseConnection(self) -> None:
        self.disconnecting = True
        self.is_closing = not self.has_unsent

    def abortConnection(self) -> None:
        self.is_closing = self.is_aborting = True

    def unregisterProducer(self) -> None:  # without complaint where there is none, as a socket's
        self.producer = None

    def pull(self) -> None:
        while self.producer is not None and not self.streaming:
            self.producer.resumeProducing()


class Wire:
    """One connection to a factory, with a client at its other end that says whatever it likes."""

    def __init__(self, factory: Any, clock: Any, address: Any) -> None:
        self.clock = clock
        self.transport = Transport(peerAddress=address)
        self.server = factory.buildProtocol(address)
        self.server.makeConnection(self.transport)
        self.is_open = True
        self._server_itself = weakref.ref(self.server)

    def is_freed(self) -> bool:
        """Say whether nothing holds the server's side any more."""
        return self._server_itself() is None

    def feed(self, pieces: Iterable[bytes]) -> bytes:
        """Send these, each in a turn of the reactor; return all that was written since `Wire` began."""
        for piece in pieces:
            if not self.is_open:
                break
            if piece and self.transport.producerState == "producing":
                self.server.dataReceived(piece)
            self.turn()
        return self.transport.value()

    def turn(self) -> None:
        """Let what is due happen, and hang up if the server has."""
        self.clock.advance(0)
        if self.is_open:
            self.transport.pull()
            if self.transport.is_closing:
                self.hang_up(ConnectionAborted() if self.transport.is_aborting else ConnectionDone())

    def hang_up(self, reason: Exception | None = None) -> None:
        """Let the connection be gone, if it is not yet."""
        if self.is_open:
            self.is_open = False
            self.server.connectionLost(Failure(reason or ConnectionDone()))
            self.server = None
            self.clock.advance(0)
