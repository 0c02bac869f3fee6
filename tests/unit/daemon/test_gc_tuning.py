import gc
import weakref

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gim.daemon.gc_tuning import COLLECTION_INTERVAL, MAX_WEIGHT, THRESHOLDS, GcTuner
from gim.gateway.transport import DirectServer
from tests.support.pipe import GatewayTestCase
from tests.support.transports import Reactor, Socket


class Node:
    """Garbage for the collector: it refers to itself."""

    def __init__(self) -> None:
        self.itself = self


class GarbageTests(SynchronousTestCase):
    def setUp(self) -> None:
        gc.freeze()  # what other tests have left, which is much to follow
        self.addCleanup(gc.unfreeze)
        self.before = gc.get_threshold()
        self.clock = Clock()
        self.garbage = GcTuner(self.clock)
        self.garbage.startService()
        self.addCleanup(lambda: self.garbage.running and self.garbage.stopService())

    def make_old(self) -> "weakref.ref[Node]":
        """Return a reference to garbage that is in the oldest generation."""
        node = Node()
        gc.collect(1)
        gc.collect(1)
        reference = weakref.ref(node)
        del node
        gc.collect(1)
        self.assertIsNotNone(reference())
        return reference

    def test_it_sets_the_pace_while_it_runs(self) -> None:
        self.assertEqual(gc.get_threshold(), THRESHOLDS)
        self.garbage.stopService()
        self.assertEqual((gc.get_threshold(), gc.get_freeze_count()), (self.before, 0))

    def test_what_lives_as_long_as_the_process_is_frozen(self) -> None:
        self.assertGreater(gc.get_freeze_count(), 10_000)

    def test_old_garbage_goes_once_in_a_while(self) -> None:
        reference = self.make_old()
        self.clock.advance(COLLECTION_INTERVAL)
        self.assertIsNone(reference())

    def test_while_the_collector_is_off_nothing_is_followed(self) -> None:
        reference = self.make_old()
        gc.disable()
        self.addCleanup(gc.enable)
        self.clock.advance(COLLECTION_INTERVAL)
        self.assertIsNotNone(reference())
        gc.enable()
        self.clock.advance(COLLECTION_INTERVAL)
        self.assertIsNone(reference())

    def test_after_a_rush_what_is_old_is_left_alone_and_later_garbage_goes(self) -> None:
        frozen = gc.get_freeze_count()
        rush = [[] for _ in range(MAX_WEIGHT)]
        gc.collect(1)
        gc.collect(1)
        self.clock.advance(COLLECTION_INTERVAL)
        self.assertGreaterEqual(gc.get_freeze_count(), frozen + MAX_WEIGHT)
        self.assertEqual(len(rush), MAX_WEIGHT)
        self.test_old_garbage_goes_once_in_a_while()

    def test_one_large_container_counts_for_what_it_holds(self) -> None:
        frozen = gc.get_freeze_count()
        large = [None] * (MAX_WEIGHT + 1)
        gc.collect(1)
        gc.collect(1)
        self.clock.advance(COLLECTION_INTERVAL)
        self.assertGreater(gc.get_freeze_count(), frozen)
        self.assertEqual(len(large), MAX_WEIGHT + 1)


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def masked(payload: bytes) -> bytes:
    """Return a short text frame as a client sends it, with a mask of zeros."""
    return bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload


class ConnectionTests(GatewayTestCase):
    def test_a_connection_that_is_gone_is_freed_without_the_collector(self) -> None:
        protocol = self.gateway.buildProtocol(None)
        transport = DirectServer(Socket([]), protocol, ("127.0.0.1", 1), None, 1, Reactor())
        protocol.makeConnection(transport)
        protocol.dataReceived(HANDSHAKE)
        protocol.dataReceived(masked(b'{"op":101,"body":{"id":"ann"}}'))
        protocol.dataReceived(masked(b'{"op":301,"body":{"id":"den"}}'))
        self.assertIsNotNone(protocol.login)
        self.pump()  # to the end of the turn, which holds what was written in it
        gone = [weakref.ref(each) for each in (protocol, transport)]
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        transport.connectionLost(Failure(ConnectionDone()))
        del protocol, transport
        self.assertEqual([reference() for reference in gone], [None, None])
