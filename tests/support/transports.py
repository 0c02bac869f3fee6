"""Twisted's stream transports and subclasses, on a socket that takes as many bytes as it is told to."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet import tcp
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer


class Socket:
    """A socket whose `send` takes as many bytes as *takes* says, call by call, then all."""

    def __init__(self, takes: list[int | OSError]) -> None:
        self.takes = takes
        self.taken = b""
        self.calls = 0
        self.is_shut = False

    def send(self, data: bytes) -> int:
        self.calls += 1
        count = self.takes.pop(0) if self.takes else len(data)
        if isinstance(count, OSError):
            raise count
        if count == 0:
            raise BlockingIOError(errno.EAGAIN, "would block")
        self.taken += bytes(data[:count])
        return min(count, len(data))

    def shutdown(self, how: int) -> None:
        self.is_shut = True

    def fileno(self) -> int:
        return 7

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 9

    def close(self) -> None:
        pass

    def setblocking(self, flag: bool) -> None:
        pass

    def setsockopt(self, *args: Any) -> None:
        pass


class Reactor(Clock):
    """Knows who wants to write, and lets them, as the real one does in its turns."""

    def __init__(self) -> None:
        super().__init__()
        self.writers: set[Any] = set()
        self.readers: set[Any] = set()

    def addWriter(self, writer: Any) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: Any) -> None:
        self.writers.discard(writer)

    def addReader(self, reader: Any) -> None:
        self.readers.add(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.discard(reader)

    def turn(self) -> None:
        for writer in tuple(self.writers):
            if why := writer.doWrite():
                self.removeReader(writer)
                self.removeWriter(writer)
                writer.connectionLost(Failure(why))
        self.advance(0)


@implementer(IHalfCloseableProtocol)
class Peer(Protocol):
    def __init__(self) -> None:
        self.lost: list[type[BaseException] | None] = []
        self.half_closed = 0

    def writeConnectionLost(self) -> None:
        self.half_closed += 1

    def readConnectionLost(self) -> None:
        pass

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        self.lost.append(reason.type)


def build(kind: type[tcp.Server], takes: list[int | OSError]) -> tuple[Any, Socket, Reactor, Peer]:
    wire, loop, peer = Socket(takes), Reactor(), Peer()
    words: Any = (wire, peer, ("127.0.0.1", 1), None, 1, loop)
    transport: Any = kind(*words)
    peer.makeConnection(transport)
    return transport, wire, loop, peer
