"""When a socket may be written to directly: never before what waits, nor past what sees each write."""

from typing import Any

from twisted.internet.interfaces import IPullProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gim.gateway.outbound import OutboundQueue
from gim.gateway.transport import BufferingServer, DirectServer, upgrade
from gim.gateway.write_batch import WriteBatch
from gim.push.presence import NO_DESCRIPTOR
from gim.wire.json import JsonCodec
from tests.support.transports import build


@implementer(IPullProducer)
class Producer:
    def resumeProducing(self) -> None:
        pass

    def stopProducing(self) -> None:
        pass


class DescriptorTests(SynchronousTestCase):
    def queue(self, transport: Any) -> OutboundQueue:
        batch = WriteBatch(Clock())
        return OutboundQueue("key", JsonCodec(), transport, batch, 1000, lambda closure: None)

    def build(self, *takes: int) -> None:
        self.transport, self.socket, self.reactor, _ = build(DirectServer, list(takes))
        self.outbound = self.queue(self.transport)

    def assert_direct(self, is_direct: bool) -> None:
        descriptor = self.socket.fileno() if is_direct else NO_DESCRIPTOR
        self.assertEqual(self.outbound.descriptor, descriptor)

    def test_a_connection_has_one_while_nothing_waits(self) -> None:
        self.build(2)
        self.assert_direct(True)
        self.transport.write(b"hello")
        self.assert_direct(False)
        self.reactor.turn()
        self.assert_direct(True)

    def test_what_the_socket_did_not_take_comes_before_what_is_written_after_it(self) -> None:
        self.build()
        self.outbound.send_later(b"rest")
        self.assert_direct(False)
        self.transport.write(b" more")
        self.reactor.turn()
        self.assertEqual(self.socket.taken, b"rest more")
        self.assert_direct(True)

    def test_not_while_a_producer_writes(self) -> None:
        self.build()
        self.transport.registerProducer(Producer(), False)
        self.assert_direct(False)
        self.transport.unregisterProducer()
        self.assert_direct(True)

    def test_not_while_it_is_watched(self) -> None:
        self.build(2)
        self.outbound.watch(lambda frames: None)
        self.assert_direct(False)
        self.transport.write(b"hello")
        self.reactor.turn()
        self.assert_direct(False)
        self.outbound.unwatch()
        self.assert_direct(True)

    def test_not_once_it_is_closed(self) -> None:
        self.build(2)
        self.outbound.close()
        self.assert_direct(False)
        self.transport.write(b"hello")
        self.reactor.turn()
        self.outbound.unwatch()
        self.assert_direct(False)
        self.assertIsNone(self.transport.follower)

    def test_not_once_the_transport_closes_in_any_way(self) -> None:
        for end in "loseConnection", "loseWriteConnection", "abortConnection":
            self.build()
            getattr(self.transport, end)()
            self.assert_direct(False)
            self.reactor.turn()
            self.assert_direct(False)

    def test_the_last_queue_of_a_transport_has_it(self) -> None:
        self.build(2)
        first, self.outbound = self.outbound, self.queue(self.transport)
        self.transport.write(b"hello")
        self.assert_direct(False)
        self.reactor.turn()
        self.assert_direct(True)
        self.assertIsNot(self.transport.follower, first)

    def test_a_connection_of_http_has_one_after_its_upgrade(self) -> None:
        self.transport, self.socket, self.reactor, _ = build(BufferingServer, [])
        self.outbound = self.queue(self.transport)
        self.assert_direct(False)
        upgrade(self.transport)
        self.assert_direct(True)

    def test_a_layer_has_none(self) -> None:
        self.assertEqual(self.queue(StringTransport()).descriptor, NO_DESCRIPTOR)
