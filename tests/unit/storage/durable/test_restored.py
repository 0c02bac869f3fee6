"""A storage that serves as soon as its data is restored."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import Unavailable
from gim.model import Counts
from gim.storage.announcements import Announcement
from gim.storage.durable.restored import RestoredStorage
from tests.support.restoring import RestoringData
from tests.support.settings import memory_store


class DeafListener:
    def on_announcement(self, news: Announcement) -> None:
        pass

    def counts(self) -> Counts:
        return Counts()


class RestoredStorageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.restoring = RestoringData()
        self.inner = memory_store(Clock())
        self.store = RestoredStorage(self.inner, self.restoring)
        self.started = Deferred.fromCoroutine(self.store.start(DeafListener()))

    @property
    def listeners(self) -> int:
        return len(self.inner.data.subscribers._all)

    def test_it_starts_when_all_is_restored(self) -> None:
        self.assertNoResult(self.started)
        self.assertEqual(self.listeners, 0)
        self.restoring.done.callback(None)
        self.successResultOf(self.started)
        self.assertEqual(self.listeners, 1)

    def test_a_ping_says_how_far_it_is(self) -> None:
        pinged = Deferred.fromCoroutine(self.store.ping())
        self.assertEqual(str(self.failureResultOf(pinged, Unavailable).value), "7 % of it")
        self.restoring.done.callback(None)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(self.store.ping())), ())

    def test_one_that_is_stopped_meanwhile_does_not_start(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.store.stop()))
        self.restoring.done.callback(None)
        self.successResultOf(self.started)
        self.assertEqual(self.listeners, 0)
