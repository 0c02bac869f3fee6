"""Reading directly: the same as with Twisted's polling, on real sockets and a reactor of its own."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gim.gateway.reading import DirectReads
from gim.gateway.transport import DirectServer


class Fault(Exception):
    """Raised by a protocol for the byte ``!``."""


class Recording(Protocol):
    """Keeps what it got, and how it ended."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.ends: list[type[BaseException]] = []

    def dataReceived(self, data: bytes) -> None:
        if data == b"!":
            raise Fault
        self.received.append(data)

    def connectionLost(self, reason: Failure = Failure(Fault())) -> None:  # noqa: B008
        assert reason.type is not None
        self.ends.append(reason.type)


class DirectReadsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = EPollReactor()
        self.addCleanup(self.reactor._poller.close)
        self.addCleanup(self.reactor.waker.connectionLost, None)
        self.service = DirectReads(self.reactor)
        self.service.startService()
        self.addCleanup(lambda: self.service.running and self.service.stopService())

    def connect(self, kind: type[Server] = DirectServer) -> tuple[socket.socket, Recording]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            ours = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
        self.addCleanup(ours.close)
        self.addCleanup(accepted.close)
        accepted.setblocking(False)
        protocol, port = Recording(), IPv4Address("TCP", "127.0.0.1", 1)
        site: Any = type("Port", (), {"_realPortNumber": 1, "getHost": lambda self: port})()
        transport = kind(accepted, protocol, ("127.0.0.1", 1), site, 1, self.reactor)
        protocol.makeConnection(transport)
        transport.startReading()
        return ours, protocol

    def test_what_has_come_is_read(self) -> None:
        for kind in DirectServer, Server:  # the second goes Twisted's way
            ours, protocol = self.connect(kind)
            ours.sendall(b"one")
            self.reactor.doIteration(1)
            ours.sendall(b"two")
            self.reactor.doIteration(1)
            self.assertEqual((protocol.received, protocol.ends), ([b"one", b"two"], []))

    def test_without_an_event_it_waits_as_long_as_it_was_told(self) -> None:
        self.connect()
        self.reactor.doIteration(0)
        self.reactor.doIteration(0.001)

    def test_the_end_of_a_connection_goes_the_way_of_twisted(self) -> None:
        ends = []
        for kind in DirectServer, Server:
            ours, protocol = self.connect(kind)
            ours.sendall(b"last")
            ours.close()
            self.reactor.doIteration(1)
            self.reactor.doIteration(1)
            self.assertEqual(protocol.received, [b"last"])
            ends.append(protocol.ends)
        self.assertEqual(ends[0], ends[1])
        self.assertEqual(len(ends[0]), 1)

    def test_an_exception_is_logged_and_ends_its_connection_only(self) -> None:
        for kind in DirectServer, Server:
            (ours, protocol), (others, other) = self.connect(kind), self.connect(kind)
            ours.sendall(b"!")
            others.sendall(b"hello")
            self.reactor.doIteration(1)
            self.assertEqual((protocol.received, protocol.ends), ([], [Fault]))
            self.assertEqual((other.received, other.ends), ([b"hello"], []))
            self.assertEqual(len(self.flushLoggedErrors(Fault)), 1)

    def test_one_that_was_closed_by_another_in_the_same_iteration_is_passed_over(self) -> None:
        (ours, protocol), (others, other) = self.connect(), self.connect()
        self.patch(protocol, "dataReceived", lambda data: self.drop(other))
        self.patch(other, "dataReceived", lambda data: self.drop(protocol))
        ours.sendall(b"x")
        others.sendall(b"x")
        self.reactor.doIteration(1)
        self.assertEqual(len(protocol.ends) + len(other.ends), 1)

    def drop(self, protocol: Recording) -> None:
        transport: Any = protocol.transport
        self.reactor.removeReader(transport)
        transport.connectionLost(Failure(Fault()))

    def test_after_its_end_and_with_another_reactor_polling_is_that_of_twisted(self) -> None:
        self.service.stopService()
        self.assertNotIn("doIteration", vars(self.reactor))
        clock = Clock()
        other = DirectReads(clock)
        other.startService()
        other.stopService()
        self.assertFalse(hasattr(clock, "doIteration"))
