"""The transport of a channel: one end of a socket pair.

Twisted's own `write` only buffers: it asks the reactor to wait until the socket is writable, and sends in
the next iteration. That costs two calls of ``epoll_ctl`` and an iteration for each write. Nearly always
the kernel takes the data at once, so this transport sends first. What is left over waits here, and the
channel keeps what comes after it.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

READ_SIZE = 64 * 1024  # bytes of one read, some 4 ms of work
NO_ROOM = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)  # errors that pass


@implementer(IReadWriteDescriptor)
class PairTransport:
    """Carries bytes between a socket and a protocol, which is its streaming producer as well.

    The connection ends when the other side has closed its end and all that it has sent is read.
    """

    def __init__(self, ours: socket.socket, protocol: Protocol, reactor: Any) -> None:
        """Take over the socket *ours*."""
        ours.setblocking(False)
        self.socket = ours
        self._fileno = ours.fileno()
        self.protocol = protocol
        self._reactor = reactor
        self._producer: Any = None
        self._unsent = memoryview(b"")
        self._is_closing = False
        self.connected = True

    # what the channel calls

    def write(self, data: bytes) -> None:
        """Send *data*; pause the producer if the kernel does not take all of it."""
        if self._unsent:
            self._unsent = memoryview(bytes(self._unsent) + data)
            return
        sent = self._send(data)
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            self._reactor.addWriter(self)
            if self._producer is not None:
                self._producer.pauseProducing()

    def _send(self, data: bytes | memoryview) -> int:
        """Send what the kernel takes now; return its size. All is lost on an end that is closed."""
        try:
            return self.socket.send(data)
        except OSError as error:
            if error.errno in NO_ROOM:
                return 0
            return len(data)  # reading comes to its end too, after what the other side has sent

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause and resume *producer*, which must be a streaming one."""
        self._producer = producer

    def unregisterProducer(self) -> None:
        """Pause and resume nothing any more."""
        self._producer = None

    def loseConnection(self) -> None:
        """Close the socket when all is sent. What still comes in is not read."""
        self._is_closing = True
        self._reactor.removeReader(self)
        self._reactor.addWriter(self)

    def abortConnection(self) -> None:
        """Close the socket now."""
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        self._reactor.callLater(0, self.connectionLost, Failure(ConnectionAborted()))

    # what the reactor calls

    def fileno(self) -> int:
        return self._fileno if self.connected else -1

    def logPrefix(self) -> str:
        return type(self.protocol).__name__

    def doRead(self) -> Any:
        try:
            data = self.socket.recv(READ_SIZE)
        except BlockingIOError:
            return None
        except OSError as error:
            return ConnectionLost(str(error))
        if not data:
            return ConnectionDone()
        self.protocol.dataReceived(data)
        return None

    def doWrite(self) -> Any:
        if self._unsent:
            self._unsent = self._unsent[self._send(self._unsent) :]
        if self._unsent:
            return None
        if self._is_closing:
            return ConnectionDone()
        self._reactor.removeWriter(self)
        if self._producer is not None:
            self._producer.resumeProducing()
        return None

    def connectionLost(self, reason: Failure) -> None:
        if self.connected:
            self.connected = False
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)
            self.socket.close()
            self.protocol.connectionLost(reason)


def connect(ours: socket.socket, protocol: Protocol, reactor: Any) -> None:
    """Connect a protocol with one end of a socket pair, which it takes over."""
    transport = PairTransport(ours, protocol, reactor)
    protocol.makeConnection(transport)
    reactor.addReader(transport)
