"""One end of a socket pair: what the kernel takes at once, what waits, and how it ends."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gim.link.transport import PairTransport, connect
from tests.support.transports import Reactor

LARGE = b"x" * 4 * 2**20  # more than a socket pair holds


class Recorder(Protocol):
    """Keeps what it gets, and counts pauses."""

    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.events: list[str] = []

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        assert reason.type is not None
        self.events.append(reason.type.__name__)

    def pauseProducing(self) -> None:
        self.events.append("pause")

    def resumeProducing(self) -> None:
        self.events.append("resume")

    def stopProducing(self) -> None:
        pass


class ShortOfMemory:
    """A socket that can't send now."""

    def __init__(self, number: int) -> None:
        self._number = number

    def send(self, data: bytes) -> int:
        raise OSError(self._number, "")


class PairTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.loop = Reactor()
        ours, self.theirs = socket.socketpair()
        self.theirs.setblocking(False)
        self.addCleanup(self.theirs.close)
        self.protocol = Recorder()
        connect(ours, self.protocol, self.loop)
        self.transport: PairTransport = self.protocol.transport
        self.addCleanup(ours.close)

    def read_all(self) -> bytes:
        """Read what is there, and what follows as soon as there is room."""
        parts = [b""]
        while True:
            try:
                parts.append(self.theirs.recv(2**20))
            except BlockingIOError:
                if self.transport not in self.loop.writers:
                    return b"".join(parts)
                self.loop.turn()
            else:
                if not parts[-1]:
                    return b"".join(parts)

    def lose(self, why: Any) -> None:
        """End the connection as the reactor does."""
        self.transport.connectionLost(Failure(why))

    def test_what_is_written_is_sent_at_once(self) -> None:
        self.transport.write(b"hello")
        self.assertEqual(self.theirs.recv(100), b"hello")
        self.assertEqual((self.protocol.events, self.loop.writers), ([], set()))

    def test_what_comes_in_is_handed_over(self) -> None:
        self.assertIsNone(self.transport.doRead())
        self.theirs.send(b"hello")
        self.assertIn(self.transport, self.loop.readers)
        self.assertIsNone(self.transport.doRead())
        self.assertEqual(self.protocol.received, b"hello")

    def test_what_the_kernel_does_not_take_goes_out_later(self) -> None:
        self.transport.write(LARGE)
        self.assertEqual(self.protocol.events, ["pause"])
        self.transport.write(b"end")
        self.assertEqual(self.read_all(), LARGE + b"end")
        self.assertEqual(self.protocol.events, ["pause", "resume"])
        self.assertEqual(self.loop.writers, set())

    def test_nothing_is_lost_while_the_kernel_is_short_of_memory(self) -> None:
        for number in errno.ENOBUFS, errno.ENOMEM:
            patch = self.patch(self.transport, "socket", ShortOfMemory(number))
            self.transport.write(b"hello")
            self.loop.turn()
            patch.restore()
            self.assertEqual(self.read_all(), b"hello")

    def test_it_ends_when_the_other_side_is_closed_and_all_is_read(self) -> None:
        self.theirs.send(b"last words")
        self.theirs.close()
        self.transport.write(b"nobody reads this")
        self.transport.write(LARGE)
        self.assertEqual(self.protocol.events, [])
        self.assertIsNone(self.transport.doRead())
        why = self.transport.doRead()
        self.assertEqual((type(why), self.protocol.received), (ConnectionDone, b"last words"))
        self.lose(why)
        self.assertEqual(self.protocol.events, ["ConnectionDone"])

    def test_what_waits_is_dropped_when_the_other_side_is_closed(self) -> None:
        self.transport.write(LARGE)
        self.theirs.close()
        self.loop.turn()
        self.assertEqual(self.loop.writers, set())

    def test_it_closes_when_all_is_sent(self) -> None:
        self.transport.write(LARGE)
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        self.assertNotIn(self.transport, self.loop.readers)
        self.assertEqual(self.read_all(), LARGE)
        self.assertEqual(self.protocol.events, ["pause", "ConnectionDone"])
        self.assertEqual(self.transport.fileno(), -1)

    def test_it_closes_at_once_if_nothing_waits(self) -> None:
        self.transport.loseConnection()
        self.loop.turn()
        self.assertEqual(self.theirs.recv(10), b"")
        self.assertEqual((self.loop.readers, self.loop.writers), (set(), set()))

    def test_aborting_drops_what_waits(self) -> None:
        self.transport.write(LARGE)
        self.transport.abortConnection()
        self.assertEqual((self.loop.readers, self.loop.writers), (set(), set()))
        self.assertEqual(self.protocol.events, ["pause"])
        self.loop.advance(0)
        self.assertEqual(self.protocol.events, ["pause", ConnectionAborted.__name__])
        self.lose(ConnectionDone())
        self.assertEqual(self.protocol.events, ["pause", ConnectionAborted.__name__])
