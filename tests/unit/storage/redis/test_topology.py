"""Asking the servers of a cluster for its slots."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from gim.storage.redis.client.link import Link
from gim.storage.redis.client.topology import ask_for_slots
from gim.storage.redis.client.url import Address, Target


class StopTests(SynchronousTestCase):
    """A stop while a connection is being made ends all attempts."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()

    def test_no_other_server_is_asked(self) -> None:
        addresses = [Address(path="/one"), Address(path="/two")]
        target = Target(kind="cluster", addresses=tuple(addresses))
        asking = Deferred.fromCoroutine(ask_for_slots(addresses, target, self.reactor))
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertEqual([path for path, *_ in self.reactor.unixClients], ["/one"])

    def test_a_link_does_not_wait_for_another_attempt(self) -> None:
        endpoint = UNIXClientEndpoint(self.reactor, "/one")
        link = Link("one", endpoint, self, self, self.reactor)  # type: ignore[arg-type]
        link.startService()
        link.stopService()
        self.assertEqual((self.reactor.getDelayedCalls(), len(self.reactor.unixClients)), ([], 1))
