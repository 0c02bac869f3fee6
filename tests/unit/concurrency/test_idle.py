"""What the check asks of a real reactor, which is not run."""

import socket

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.idle import IdleCheck


class IdleCheckTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = EPollReactor()
        self.addCleanup(self.reactor._poller.close)
        for reader in self.reactor.getReaders():  # what wakes it up
            self.addCleanup(reader.connectionLost, None)
        self.check = IdleCheck(self.reactor)

    def test_nothing_waits_at_first(self) -> None:
        self.assertTrue(self.check.is_idle())

    def test_a_call_that_is_due_waits_and_a_later_one_does_not(self) -> None:
        self.reactor.callLater(3600, int)
        self.assertTrue(self.check.is_idle())
        due = self.reactor.callLater(0, int)
        self.assertFalse(self.check.is_idle())
        due.cancel()
        self.reactor.runUntilCurrent()
        self.assertTrue(self.check.is_idle())

    def test_a_socket_that_can_be_read_waits_until_it_is_read(self) -> None:
        port = self.reactor.listenUDP(0, DatagramProtocol(), "127.0.0.1")
        self.addCleanup(port.connectionLost)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"hello", ("127.0.0.1", port.getHost().port))
        self.assertEqual([self.check.is_idle(), self.check.is_idle()], [False, False])
        self.reactor.doIteration(0)
        self.assertTrue(self.check.is_idle())

    def test_with_another_reactor_something_always_waits(self) -> None:
        self.assertFalse(IdleCheck(Clock()).is_idle())
