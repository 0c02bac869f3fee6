"""A worker whose parent is still restoring the data."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import Unavailable
from gim.link.channel import Channel
from gim.storage.durable.restored import RestoredStorage
from gim.storage.linked.calls import TO_STORE, TO_WORKER
from gim.storage.linked.news import EncodedNews
from gim.storage.linked.server import StoreServer
from gim.storage.linked.store import LinkedStore
from tests.support.channels import EagerClock, connect
from tests.support.clocks import SettableWallClock
from tests.support.restoring import RestoringData
from tests.support.settings import memory_store
from tests.support.storage_behaviour.base import RecordingListener


class StartingTests(SynchronousTestCase):
    def setUp(self) -> None:
        clock = EagerClock()
        wall = SettableWallClock(clock.seconds)
        self.inner = memory_store(clock, wall)
        self.restoring = RestoringData()
        parent = Channel(TO_STORE, clock, on_end=lambda why: None)
        worker = Channel(TO_WORKER, clock, on_end=lambda why: None)
        store = RestoredStorage(self.inner, self.restoring)
        self.server = StoreServer(store, parent, EncodedNews(), clock)
        connect(parent, worker)
        self.store = LinkedStore(worker, clock, wall, node="n", listener="n-1", token_key=b"k")
        Deferred.fromCoroutine(self.server.start())
        listener = RecordingListener(self.store)
        self.started = Deferred.fromCoroutine(self.store.start(listener))

    def test_it_serves_when_its_parent_does_and_knows_the_epoch_then(self) -> None:
        self.inner.data.epoch = "another"  # as some data was lost
        self.assertNoResult(self.started)
        self.restoring.done.callback(None)
        self.successResultOf(self.started)
        epoch = Deferred.fromCoroutine(self.store.epoch())
        self.assertEqual(self.successResultOf(epoch), "another")

    def test_its_parent_says_how_far_it_is(self) -> None:
        pinged = Deferred.fromCoroutine(self.store.ping())
        self.assertEqual(str(self.failureResultOf(pinged, Unavailable).value), "7 % of it")

    def test_one_that_has_ended_meanwhile_is_not_served(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.server.stop()))
        self.restoring.done.callback(None)
        self.assertNoResult(self.started)
