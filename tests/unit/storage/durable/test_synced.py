"""A store that shows only what is synced: what it holds, in which order, and what subscriptions need."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from errno import EIO
from typing import Any
from unittest.mock import patch

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from gim.concurrency.clocks import Moment
from gim.errors import Conflict, Forbidden, NotFound, Unavailable
from gim.journal.syncing import Syncing
from gim.link.answering import Outlet
from gim.link.channel import Channel
from gim.model import Counts
from gim.storage.announcements import Announcement, MemberJoined, MessageStored
from gim.storage.durable.synced import SyncedStorage, held_call
from gim.storage.interface import Storage
from gim.storage.linked.store import LinkedStore
from gim.storage.memory.store import MemoryStore
from gim.webhooks.emitting_storage import EventEmittingStorage
from gim.webhooks.event_types import JOINED, SENT
from tests.support.clocks import DAY, SettableWallClock
from tests.support.journal.synced import RecordOfEach, make_syncing
from tests.support.journal.threads import OnDemand
from tests.support.linked import LinkedStores
from tests.support.settings import memory_store
from tests.support.storage_behaviour.base import (
    AB,
    RecordingListener,
    enter,
    posted,
    private,
    user,
)
from tests.support.storage_behaviour.memory import START
from tests.support.storage_behaviour.suite import StorageBehaviour
from tests.support.storage_behaviour.total import TotalBehaviour


class EachTurn(OnDemand):
    """Runs what is asked for in the next iteration of the reactor."""

    def run(self, function: Any, *args: Any) -> Deferred[Any]:
        reactor.callLater(0, self.work)
        return super().run(function, *args)


class SyncedBehaviourTests(StorageBehaviour, TotalBehaviour, TestCase):
    """The behaviour of every storage, with a sync for every change."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.wall = SettableWallClock(self.clock.seconds)

    async def make_store(self, **limits: Any) -> SyncedStorage:
        journal, self.syncing = make_syncing(self, EachTurn(), self.clock)
        recorder = RecordOfEach(journal)
        self.inner = memory_store(self.clock, self.wall, recorder=recorder, **limits)
        store = SyncedStorage(self.inner, self.syncing)
        self.listener = RecordingListener(store)
        self.news = self.listener.news
        await store.start(self.listener)
        return store

    async def advance(self, seconds: float) -> None:
        if seconds < 0:  # only the wall clock goes back
            self.wall.step(seconds)
        else:
            self.clock.advance(seconds)

    async def let_be_forgotten(self) -> None:
        await self.advance(31 * DAY)  # a message may be kept for 30 days, a user for one more
        while self.inner.data.sweep(10):
            pass

    async def lose_data(self, store: Storage) -> Storage:
        await store.stop()
        return await self.make_store()

    async def settle(self) -> None:
        await self.syncing.synced()


def held_outlet(syncing: Syncing) -> Callable[[Channel], Outlet]:
    """Return what makes the way out of a channel to a worker that gets only what is synced."""
    return lambda channel: Outlet(channel, held_call(syncing, channel.send_encoded))


class SyncedWorkersTests(StorageBehaviour, TotalBehaviour, TestCase):
    """The same for a worker, whose parent has the store."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.wall = SettableWallClock(self.clock.seconds)

    async def make_store(self, **limits: Any) -> LinkedStore:
        journal, self.syncing = make_syncing(self, EachTurn(), self.clock)
        memory = memory_store(self.clock, self.wall, recorder=RecordOfEach(journal), **limits)
        self.stores = LinkedStores(memory.data, self.wall, outlet=held_outlet(self.syncing))
        store, other = self.stores.add(), self.stores.add()
        self.listener = RecordingListener(store)
        self.news = self.listener.news
        await store.start(self.listener)
        await other.start(RecordingListener(other))
        return store

    async def advance(self, seconds: float) -> None:
        if seconds < 0:  # only the wall clock goes back
            self.wall.step(seconds)
        else:
            self.clock.advance(seconds)

    async def let_be_forgotten(self) -> None:
        await deferLater(reactor, 0)  # the answer before is still on its way, and what was sent waits
        await self.advance(31 * DAY)  # a message may be kept for 30 days, a user for one more
        while self.stores.data.sweep(10):
            pass

    async def lose_data(self, store: Storage) -> Storage:
        await store.stop()
        return await self.make_store()

    async def settle(self) -> None:
        await deferLater(reactor, 0)
        await self.syncing.synced()


class SyncedCase(SynchronousTestCase):
    """Stores on one journal whose thread runs when the test says so."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.threads = OnDemand()
        self.journal, self.syncing = make_syncing(self, self.threads, self.clock)
        self.memory = memory_store(self.clock, recorder=RecordOfEach(self.journal))
        self.store = SyncedStorage(self.memory, self.syncing)
        self.news: list[Any] = []
        self.take: Callable[[Any], object] = self.news.append
        self.begun(self.store.start(self))
        self.sync()

    def on_announcement(self, news: Announcement) -> None:
        self.take(news)

    def counts(self) -> Counts:
        return Counts()

    def begun(self, work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        return Deferred.fromCoroutine(work)

    def sync(self) -> None:
        """Sync all that is written."""
        self.syncing.synced()
        self.threads.work_off()

    def done(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return the result of a call, after a sync."""
        result = self.begun(work)
        self.sync()
        return self.successResultOf(result)


class HeldTests(SyncedCase):
    """Results and announcements wait for the sync, in their order."""

    def test_a_message_is_neither_acknowledged_nor_announced_before_its_sync(self) -> None:
        self.done(enter(self.store, "bob"))
        sent = self.begun(self.store.messages.append(private("ann", "bob")))
        self.assertNoResult(sent)
        self.assertEqual(self.news, [])
        self.threads.work()
        self.assertEqual([type(one) for one in self.news], [MessageStored])
        self.assertEqual(self.successResultOf(sent).id, self.news[0].message.id)

    def test_an_announcement_comes_before_the_result_of_its_call(self) -> None:
        self.done(enter(self.store, "bob"))
        order: list[str] = []
        self.take = lambda news: order.append(news.message.content)
        for content in "abc":
            sent = self.begun(self.store.messages.append(private("ann", "bob", content)))
            sent.addCallback(lambda _, content: order.append("sent " + content), content)
        self.threads.work_off()
        self.assertEqual(order, ["a", "sent a", "b", "sent b", "c", "sent c"])

    def test_messages_are_stored_in_the_order_of_the_calls(self) -> None:
        self.assertTrue(self.store.keeps_order)
        sent = [self.begun(self.store.messages.append(private("ann", "bob"))) for _ in range(3)]
        self.threads.work_off()
        ids = [self.successResultOf(one).id for one in sent]
        self.assertEqual(ids, sorted(ids))

    def test_a_reader_does_not_see_what_is_not_synced(self) -> None:
        self.begun(self.store.messages.append(private("ann", "bob")))
        read = self.begun(self.store.messages.history(AB, "bob", None, 10))
        self.assertNoResult(read)
        self.threads.work()
        self.assertEqual(len(self.successResultOf(read)[0]), 1)

    def test_a_refusal_does_not_show_what_is_not_synced(self) -> None:
        self.begun(self.store.chatrooms.create("room", "", None))
        again = self.begun(self.store.chatrooms.create("room", "", None))
        self.assertNoResult(again)
        self.threads.work()
        self.failureResultOf(again, Conflict)

    def test_nothing_waits_when_all_is_synced(self) -> None:
        self.assertEqual(self.done(self.store.chatrooms.of_user("ann")), [])
        self.successResultOf(self.begun(self.store.messages.history(AB, "bob", None, 10)))
        self.failureResultOf(self.begun(self.store.chatrooms.get("room")), NotFound)
        self.assertEqual(len(self.threads), 0)

    def test_a_disk_that_fails_makes_results_unknown_and_announces_nothing(self) -> None:
        self.done(enter(self.store, "bob"))
        sent = self.begun(self.store.messages.append(private("ann", "bob")))
        read = self.begun(self.store.messages.history(AB, "bob", None, 10))
        with patch("os.fdatasync", side_effect=OSError(EIO, "broken")):
            self.threads.work_off()
        self.failureResultOf(sent, Unavailable)
        self.failureResultOf(read, Unavailable)
        self.failureResultOf(self.begun(self.store.messages.append(private("ann", "bob"))), Unavailable)
        self.assertEqual(self.news, [])

    def test_a_webhook_event_of_a_message_waits_with_its_result(self) -> None:
        put: list[Any] = []
        moment = Moment(START, int(START * 1000))
        emitting = EventEmittingStorage(
            self.store, frozenset([SENT, JOINED]), put.append, None, lambda: moment
        )
        self.begun(emitting.messages.append(private("ann", "bob")))
        self.begun(emitting.chatrooms.join("room", user("ann"), ""))
        self.assertEqual(put, [])
        self.threads.work_off()
        self.assertEqual([one.type for one in put], [SENT, JOINED])

    def test_listeners_of_one_store_share_the_order(self) -> None:
        other = SyncedStorage(MemoryStore(self.memory.data, "other"), self.syncing)
        self.begun(other.start(self))
        self.done(enter(self.store, "bob"))
        self.done(enter(other, "cat"))
        for receiver in "bob", "cat", "bob":
            self.begun(self.store.messages.append(private("ann", receiver)))
        self.threads.work_off()
        self.assertEqual([one.reader for one in self.news], ["bob", "cat", "bob"])


class WorkerTests(SyncedCase):
    """What goes to a worker is held where it goes out."""

    def setUp(self) -> None:
        super().setUp()
        wall = SettableWallClock(self.clock.seconds)
        outlet = held_outlet(self.syncing)
        self.stores = LinkedStores(self.memory.data, wall, self.clock, outlet=outlet)
        self.worker = self.stores.add()
        self.begun(self.worker.start(self))

    def deliver(self) -> None:
        """Let what was sent be read at the other end."""
        for _ in range(4):
            self.clock.advance(0)

    def asked(self, work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        result = self.begun(work)
        self.deliver()
        return result

    def done(self, work: Coroutine[Any, Any, Any]) -> Any:
        result = self.asked(work)
        self.sync()
        self.deliver()
        return self.successResultOf(result)

    def test_answers_and_announcements_wait_for_the_sync_in_their_order(self) -> None:
        self.done(enter(self.worker, "bob"))
        order: list[str] = []
        self.take = lambda news: order.append(news.message.content)
        for content in "ab":
            sent = self.asked(self.worker.messages.append(private("ann", "bob", content)))
            sent.addCallback(lambda _, content: order.append("sent " + content), content)
        read = self.asked(self.worker.messages.history(AB, "bob", None, 10))
        self.assertEqual(order, [])
        self.assertNoResult(read)
        self.threads.work_off()
        self.deliver()
        self.assertEqual(order, ["a", "sent a", "b", "sent b"])
        self.assertEqual(len(self.successResultOf(read)[0]), 2)

    def test_nothing_waits_when_all_is_synced(self) -> None:
        self.sync()
        self.successResultOf(self.asked(self.worker.chatrooms.of_user("ann")))
        self.assertEqual(len(self.threads), 0)

    def test_a_subscription_stays_that_the_worker_can_not_know_of(self) -> None:
        self.done(self.worker.chatrooms.join("room", user("ann"), ""))
        login = self.asked(enter(self.worker, "ann", "Ann"))
        self.assertNoResult(login)
        self.worker.chatrooms.unsubscribe("room")
        self.deliver()
        self.sync()
        self.deliver()
        self.successResultOf(login)
        self.done(self.worker.messages.append(posted("room", "ann")))
        self.assertEqual([type(one) for one in self.news], [MessageStored])

    def test_the_number_of_a_webhook_event_waits_for_what_happened_before(self) -> None:
        self.begun(self.memory.messages.append(private("ann", "bob")))
        number = self.begun(self.store.webhook_log.next_event_number("ann"))
        self.assertNoResult(number)
        self.threads.work_off()
        self.assertIsNotNone(self.successResultOf(number))

    def test_a_worker_that_ends_leaves_no_subscription(self) -> None:
        self.done(self.worker.chatrooms.join("room", user("ann"), ""))
        self.asked(enter(self.worker, "ann", "Ann"))
        self.begun(self.stores.servers[0].stop())
        self.sync()
        self.assertFalse(self.memory.data.archive.chatroom("room").subscribers)
        self.assertFalse(self.memory.data.people["ann"].subscribers)


class LoginTests(SyncedCase):
    """A login whose result is held."""

    def test_a_login_that_is_cancelled_counts_no_connection(self) -> None:
        login = self.begun(enter(self.store, "ann"))
        login.cancel()
        self.failureResultOf(login, CancelledError)
        self.sync()
        self.assertFalse(self.done(self.store.users.get("ann")).online)

    def test_a_login_that_is_refused_is_refused_after_the_sync(self) -> None:
        self.begun(self.store.moderation.ban("ann", 1000, 0))
        login = self.begun(enter(self.store, "ann"))
        self.assertNoResult(login)
        self.threads.work_off()
        self.failureResultOf(login, Forbidden)


class SubscriptionTests(SyncedCase):
    """The listener ends a subscription while it can't know yet that it is needed again."""

    def joined(self) -> Deferred[Any]:
        """Have bob, who is connected, join the chatroom of ann through another store."""
        self.done(self.memory.chatrooms.join("room", user("ann"), ""))
        self.done(enter(self.store, "bob"))
        return self.begun(self.memory.chatrooms.join("room", user("bob"), ""))

    def say(self) -> list[Any]:
        """Return what is announced of a message of ann in the chatroom."""
        self.sync()
        del self.news[:]
        self.done(self.store.messages.append(posted("room", "ann")))
        return [type(one) for one in self.news]

    def test_it_stays_while_the_news_of_a_member_is_held(self) -> None:
        self.joined()
        self.store.chatrooms.unsubscribe("room")
        self.assertEqual(self.say(), [MessageStored])

    def test_the_listener_may_end_it_when_it_has_the_news(self) -> None:
        self.joined()
        self.take = lambda news: self.store.chatrooms.unsubscribe("room")
        self.sync()
        self.take = self.news.append
        self.assertEqual(self.say(), [])

    def test_it_stays_while_the_result_of_a_subscription_is_held(self) -> None:
        self.done(self.store.chatrooms.join("room", user("ann"), ""))
        self.begun(self.store.users.put("bob", "Bob"))
        subscribed = self.begun(self.store.chatrooms.subscribe("room"))
        self.store.chatrooms.unsubscribe("room")
        self.sync()
        self.successResultOf(subscribed)
        self.assertEqual(self.say(), [MessageStored])
        self.store.chatrooms.unsubscribe("room")
        self.assertEqual(self.say(), [])

    def test_it_stays_while_the_result_of_a_login_is_held(self) -> None:
        self.done(self.store.chatrooms.join("room", user("ann"), ""))
        login = self.begun(enter(self.store, "ann", "Ann"))
        self.assertNoResult(login)
        self.store.chatrooms.unsubscribe("room")
        self.sync()
        self.successResultOf(login)
        self.assertEqual(self.say(), [MessageStored])

    def test_a_stop_ends_those_that_the_listener_never_hears_of(self) -> None:
        self.joined()
        chatroom = self.memory.data.archive.chatroom("room")
        self.assertTrue(chatroom.subscribers)
        self.begun(self.store.stop())
        self.assertFalse(chatroom.subscribers)
        self.sync()
        self.assertEqual([one for one in self.news if isinstance(one, MemberJoined)], [])
