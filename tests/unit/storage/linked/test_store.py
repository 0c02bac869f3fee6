"""Several workers on one store: what goes over the links, and what ends with a worker."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.errors import Banned, Conflict, TooManyConnections, TooManyRequests, Unavailable
from gim.ids import private_session
from gim.link.frames import encode
from gim.model import ConnectionState, Event, User
from gim.storage.announcements import (
    Broadcast,
    ConnectionAction,
    ConnectionCommand,
    MemberJoined,
    MemberLeft,
    MessageStored,
    NodeMessage,
    SessionEvent,
)
from gim.storage.interface import Entrance, Entry
from gim.storage.linked import news as linked_news
from gim.storage.linked import server
from gim.storage.linked.long_answers import MAX_UNDER_WAY
from gim.storage.linked.store import LinkedStore
from tests.support.clocks import SettableWallClock
from tests.support.linked import LinkedStores, run
from tests.support.settings import memory_store, storage_limits
from tests.support.storage_behaviour.base import RecordingListener, posted, private, user

LIST = ConnectionCommand("ann", ConnectionAction.LIST)

T = TypeVar("T")


def admit(chatroom_ids: list[str]) -> None:
    """Refuse no one."""


class WorkersCase(SynchronousTestCase):
    """Two workers on one store. Their clock is moved by hand."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.begin()

    def begin(self, **limits: Any) -> None:
        wall = SettableWallClock(self.clock.seconds)
        data = memory_store(self.clock, wall, storage_limits(self.clock, **limits)).data
        self.stores = LinkedStores(data, wall, self.clock)
        self.one, self.other = self.stores.add(), self.stores.add()
        self.listeners = [RecordingListener(store) for store in (self.one, self.other)]
        for store, listener in zip((self.one, self.other), self.listeners, strict=True):
            self.done(store.start(listener))

    def turn(self, count: int = 3) -> None:
        """Let iterations of the reactor pass: a question, its answer, and what follows."""
        self.clock.pump([0] * count)

    def begun(self, work: Coroutine[Any, Any, T]) -> Deferred[T]:
        return Deferred.fromCoroutine(work)

    def done(self, work: Coroutine[Any, Any, T]) -> T:
        begun = self.begun(work)
        self.turn()
        return self.successResultOf(begun)

    def enter(self, store: LinkedStore, user_id: str, **more: Any) -> Entrance:
        return self.done(store.users.enter(Entry(user_id, limit=100, **more), admit))

    def join(self, store: LinkedStore, chatroom_id: str, *user_ids: str) -> None:
        for user_id in user_ids:
            self.done(store.chatrooms.join(chatroom_id, user(user_id), chatroom_id))

    def heard(self, worker: int) -> list[Any]:
        """Return what a worker has heard since the last time."""
        self.turn()
        heard, self.listeners[worker].news[:] = list(self.listeners[worker].news), []
        return heard

    def contents(self, worker: int) -> list[str]:
        return [news.message.content for news in self.heard(worker) if isinstance(news, MessageStored)]

    def is_online(self, user_id: str) -> bool:
        return self.done(self.one.users.get(user_id)).online


class CostTests(WorkersCase):
    """How many messages go over a link."""

    def test_a_login_is_one_question(self) -> None:
        for chatroom_id in "abc":
            self.join(self.other, chatroom_id, "ann")
        self.done(self.other.messages.append(private("bob", "ann")))
        before = self.stores.count_messages(0)
        entrance = self.enter(self.one, "ann", name="Ann")
        self.assertEqual(entrance.user, User("ann", "Ann"))
        self.assertEqual(sorted(entrance.chatroom_ids), ["a", "b", "c"])
        self.assertEqual([message.content for message in entrance.missed.messages], ["hi"])
        self.assertEqual(self.stores.count_messages(0), (before[0] + 1, before[1] + 1))

    def test_a_private_message_is_one_question_and_one_announcement(self) -> None:
        self.enter(self.one, "ann")
        self.enter(self.other, "bob")
        before = [self.stores.count_messages(worker) for worker in (0, 1)]
        sent = self.done(self.one.messages.append(private("ann", "bob", origin="c1", is_alone=True)))
        (news,) = self.heard(1)
        self.assertEqual((news.message.id, news.title, news.origin), (sent.id, "ann", "c1"))
        self.assertEqual(self.heard(0), [])
        after = [self.stores.count_messages(worker) for worker in (0, 1)]
        self.assertEqual(after, [(before[0][0] + 1, before[0][1] + 1), (before[1][0], before[1][1] + 1)])

    def test_a_message_of_a_chatroom_is_encoded_once_for_all_workers(self) -> None:
        self.join(self.one, "room", "ann")
        for store in (self.one, self.other):
            self.done(store.chatrooms.subscribe("room"))
        encoded = list[Any]()
        self.patch(linked_news, "encode", lambda message: encoded.append(message) or encode(message))
        self.done(self.one.messages.append(posted("room", "ann")))
        self.assertEqual([self.contents(worker) for worker in (0, 1)], [["hi"], ["hi"]])
        self.assertEqual(len(encoded), 1)

    def test_delivery_marks_go_together_the_newest_of_each_user(self) -> None:
        ids = [self.done(self.one.messages.append(private("ann", "bob", str(n)))).id for n in range(3)]
        before = self.stores.count_messages(0)
        for user_id in ("bob", "cat"):
            for message_id in (ids[0], ids[2], ids[1]):
                self.one.messages.delivered(user_id, message_id)
        self.assertEqual(self.stores.count_messages(0), before)
        self.turn()
        self.assertEqual(self.stores.count_messages(0), (before[0] + 1, before[1]))
        self.assertEqual(self.enter(self.other, "bob").missed.messages, [])

    def test_marks_go_before_what_depends_on_them(self) -> None:
        self.enter(self.one, "bob")
        sent = self.done(self.other.messages.append(private("ann", "bob")))
        self.one.messages.delivered("bob", sent.id)
        self.one.users.exit("bob")  # a client that comes back through another worker
        self.assertEqual(self.enter(self.other, "bob").missed.messages, [])
        self.done(self.other.messages.append(private("ann", "bob", "two")))
        self.one.messages.delivered("bob", self.heard(1)[-1].message.id)
        self.assertEqual(self.done(self.one.messages.missed("bob", None, 10)).messages, [])

    def test_what_does_not_change_is_not_asked_for(self) -> None:
        data = self.stores.data
        before = self.stores.count_messages(0)
        self.assertEqual(self.one.node, data.node)
        self.assertEqual(self.done(self.one.epoch()), data.epoch)
        self.assertEqual(self.one.token_key(), data.token_key)
        self.assertEqual(self.stores.count_messages(0), before)


class AnnouncementTests(WorkersCase):
    """Each worker hears what it subscribes to."""

    def test_the_senders_devices_at_other_workers_get_the_message(self) -> None:
        for store in (self.one, self.other):
            self.enter(store, "ann")
        self.done(self.one.messages.append(private("ann", "bob", is_alone=True)))
        self.assertEqual([self.contents(worker) for worker in (0, 1)], [[], ["hi"]])

    def test_a_user_who_leaves_one_worker_stays_online_at_another(self) -> None:
        for store in (self.one, self.other):
            self.enter(store, "ann")
        self.assertTrue(self.one.users.exit("ann"))
        self.turn()
        self.assertTrue(self.is_online("ann"))
        self.done(self.one.messages.append(private("bob", "ann")))
        self.assertEqual([self.contents(worker) for worker in (0, 1)], [[], ["hi"]])
        self.assertTrue(self.other.users.exit("ann"))
        self.turn()
        self.assertFalse(self.is_online("ann"))

    def test_a_new_member_is_subscribed_where_they_are_connected(self) -> None:
        self.enter(self.other, "ann")
        self.join(self.one, "room", "ann")
        self.assertEqual(self.heard(1), [MemberJoined("ann", "room")])
        self.done(self.one.messages.append(posted("room", "ann")))
        self.assertEqual(self.contents(1), ["hi"])

    def test_every_kind_of_announcement_comes_as_it_was(self) -> None:
        self.join(self.one, "room", "ann", "bob")
        self.enter(self.other, "ann")
        self.done(self.one.moderation.rename("room", "ann", "The Room"))
        self.done(self.one.chatrooms.leave("room", "ann"))
        event = Event("broadcast", ".", content="hello")
        self.done(self.one.nodes.broadcast(event))
        heard = self.heard(1)
        self.assertEqual(
            [type(news) for news in heard], [SessionEvent, MemberLeft, SessionEvent, Broadcast]
        )
        self.assertEqual(heard[0].session.parts, ("room",))
        self.assertEqual((heard[0].event.type, heard[0].event.name), ("renamed", "The Room"))
        self.assertEqual((heard[2].event.role, heard[2].gone), ("owner", "ann"))
        self.assertEqual(heard[3], Broadcast(event))
        self.assertEqual(self.heard(0), [Broadcast(event)])

    def test_a_command_is_answered_by_all_workers(self) -> None:
        for at, store in enumerate((self.one, self.other)):
            self.enter(store, "ann")
            self.listeners[at].connections = [ConnectionState(f"c{at}", store.node, "127.0.0.1:5", 7)]
        found = self.begun(
            self.one.nodes.command_connections(ConnectionCommand("ann", ConnectionAction.LIST))
        )
        self.turn(5)
        self.assertEqual([state.key for state in self.successResultOf(found)], ["c0", "c1"])

    def test_messages_between_workers_reach_the_one_that_is_named_or_all(self) -> None:
        one, other = self.one.listener, self.other.listener
        self.assertEqual(self.done(self.one.nodes.listeners()), [one, other])
        self.assertNotEqual(one, other)
        self.one.nodes.tell(other, b"to the other")
        self.other.nodes.tell("", b"to all")
        self.assertEqual(self.heard(0), [NodeMessage(other, b"to all")])
        self.assertEqual(
            self.heard(1), [NodeMessage(one, b"to the other"), NodeMessage(other, b"to all")]
        )

    def test_a_worker_that_has_ended_is_not_among_the_listeners(self) -> None:
        run(self.stores.servers[1].stop())
        self.assertEqual(self.done(self.one.nodes.listeners()), [self.one.listener])

    def test_statistics_are_the_sum_over_workers(self) -> None:
        for store in (self.one, self.other, self.other):
            self.enter(store, "ann")
        self.enter(self.other, "bob")
        (counts,) = self.done(self.one.nodes.statistics())
        self.assertEqual((counts.connections, counts.users), (4, 2))

    def test_a_worker_that_was_stopped_announces_nothing(self) -> None:
        self.enter(self.other, "ann")
        run(self.other.stop())
        self.done(self.one.messages.append(private("bob", "ann")))
        self.assertEqual(self.heard(1), [])


class LimitTests(WorkersCase):
    """Limits of a user hold for all workers together."""

    def test_connections_of_a_user_are_counted_over_all_workers(self) -> None:
        self.begin(max_user_connections=2)
        for store in (self.one, self.other):
            self.enter(store, "ann")
        refused = self.begun(self.other.users.enter(Entry("ann"), admit))
        self.turn()
        self.assertIn("2 connections", str(self.failureResultOf(refused, TooManyConnections).value))
        self.one.users.exit("ann")
        self.enter(self.other, "ann")

    def test_the_send_rate_of_a_user_is_counted_over_all_workers(self) -> None:
        self.begin(max_send_rate=2)
        for store in (self.one, self.other):
            self.done(store.messages.append(private("ann", "bob")))
        refused = self.begun(self.one.messages.append(private("ann", "bob")))
        self.turn()
        self.failureResultOf(refused, TooManyRequests)

    def test_a_request_id_is_known_to_all_workers(self) -> None:
        drafts = [private("ann", "bob", content, request_id="r") for content in ("one", "one", "two")]
        sent = [self.done(store.messages.append(drafts[0])) for store in (self.one, self.other, self.one)]
        self.assertEqual(sent[1:], sent[:1] * 2)
        refused = self.begun(self.other.messages.append(drafts[2]))
        self.turn()
        self.failureResultOf(refused, Conflict)

    def test_a_refused_login_is_not_counted(self) -> None:
        def refuse(chatroom_ids: list[str]) -> None:
            raise TooManyRequests("not now")

        entering = self.begun(self.one.users.enter(Entry("ann"), refuse))
        self.turn()
        self.failureResultOf(entering, TooManyRequests)
        self.assertFalse(self.is_online("ann"))
        self.done(self.one.moderation.ban("ann", 60_000, 0))
        entering = self.begun(self.one.users.enter(Entry("ann"), admit))
        self.turn()
        self.failureResultOf(entering, Banned)
        self.assertFalse(self.is_online("ann"))


class SlowParentTests(WorkersCase):
    """What happens to questions that the parent serves late."""

    def setUp(self) -> None:
        super().setUp()
        self.worker_end = self.stores.worker_ends[0]

    def test_a_message_that_comes_too_late_is_not_stored(self) -> None:
        self.worker_end.is_stuck = True
        sending = self.begun(self.one.messages.append(private("ann", "bob", answer_by=1.0)))
        self.clock.pump([0, 1.1])
        self.worker_end.unstick()
        self.turn()
        refusal = self.failureResultOf(sending, Unavailable).value
        self.assertIn("nothing was done", str(refusal))
        session = private_session("ann", "bob")
        self.assertEqual(self.done(self.one.messages.history(session, "ann", None, 9)), ([], False))

    def test_the_usual_time_holds_without_another(self) -> None:
        self.worker_end.is_stuck = True
        sending = self.begun(self.one.messages.append(private("ann", "bob")))
        self.clock.pump([0, ANSWER_TIMEOUT])
        self.failureResultOf(sending, Unavailable)
        self.clock.advance(0.1)
        self.worker_end.unstick()
        self.turn()
        self.assertEqual(self.stores.data.sizes()["messages"], 0)

    def entering(self) -> Deferred[Entrance]:
        entering = self.begun(self.one.users.enter(Entry("ann"), admit))
        self.turn()
        return entering

    def test_a_login_whose_answer_is_late_is_ended(self) -> None:
        self.stores.parent_ends[0].is_stuck = True
        entering = self.entering()
        self.assertEqual(self.stores.data.people.online, 1)
        self.clock.pump([ANSWER_TIMEOUT, 0])
        self.failureResultOf(entering, Unavailable)
        self.stores.parent_ends[0].unstick()
        self.turn()
        self.assertEqual(self.stores.data.people.online, 0)

    def test_a_login_whose_answer_was_read_after_a_pause_counts(self) -> None:
        self.stores.parent_ends[0].is_stuck = True
        entering = self.entering()
        self.clock.callLater(ANSWER_TIMEOUT, self.stores.parent_ends[0].unstick)  # behind the timer
        self.clock.advance(ANSWER_TIMEOUT)
        self.assertEqual(self.successResultOf(entering).user, user("ann"))

    def test_a_login_that_was_cancelled_is_ended(self) -> None:
        self.stores.parent_ends[0].is_stuck = True
        entering = self.entering()
        entering.addErrback(lambda _: None)
        entering.cancel()
        self.stores.parent_ends[0].unstick()
        self.turn()
        self.assertEqual(self.stores.data.people.online, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_can_not_be_asked_for_holds_up_no_other(self) -> None:
        self.stores.parent_ends[0].is_stuck = False
        for _ in range(MAX_UNDER_WAY):
            entering = self.begun(self.one.users.enter(Entry("ann", "\ud800"), admit))
            self.failureResultOf(entering, UnicodeEncodeError)
        self.enter(self.one, "ann")

    def test_a_login_that_comes_too_late_is_refused(self) -> None:
        self.worker_end.is_stuck = True
        entering = self.entering()
        self.clock.advance(ANSWER_TIMEOUT + 0.1)
        self.failureResultOf(entering, Unavailable)
        self.worker_end.unstick()
        self.turn()
        self.assertEqual(self.stores.data.sizes()["users"], 0)


class UnsubscribingTests(WorkersCase):
    """A worker that unsubscribes does not undo a subscription that it does not know of yet."""

    def setUp(self) -> None:
        super().setUp()
        self.join(self.other, "room", "ann")
        self.enter(self.other, "ann")

    def is_announced(self) -> bool:
        self.done(self.other.messages.append(posted("room", "ann")))
        return bool(self.contents(0))

    def test_it_ends_the_announcements(self) -> None:
        self.enter(self.one, "ann")
        self.assertTrue(self.is_announced())
        self.one.chatrooms.unsubscribe("room")
        self.assertFalse(self.is_announced())

    def test_a_login_under_way_keeps_its_subscriptions(self) -> None:
        entering = self.begun(self.one.users.enter(Entry("ann"), admit))
        self.one.chatrooms.unsubscribe("room")  # the last member of this worker has left
        self.turn()
        self.successResultOf(entering)
        self.assertTrue(self.is_announced())
        self.one.chatrooms.unsubscribe("room")
        self.assertFalse(self.is_announced())

    def test_so_do_joining_and_subscribing(self) -> None:
        self.enter(self.one, "bob")
        for work in (
            self.one.chatrooms.join("room", user("bob"), ""),
            self.one.chatrooms.subscribe("room"),
        ):
            asking = self.begun(work)
            self.one.chatrooms.unsubscribe("room")
            self.turn()
            self.successResultOf(asking)
            self.assertTrue(self.is_announced())
            self.one.chatrooms.unsubscribe("room")
            self.assertFalse(self.is_announced())

    def test_a_membership_that_another_worker_made_keeps_its_subscription(self) -> None:
        self.enter(self.one, "bob")
        self.done(self.one.chatrooms.subscribe("room"))
        self.stores.parent_ends[0].is_stuck = True  # the announcement is under way
        self.join(self.other, "room", "bob")
        self.one.chatrooms.unsubscribe("room")
        self.turn()
        self.stores.parent_ends[0].unstick()
        self.assertEqual(self.heard(0), [MemberJoined("bob", "room")])
        self.assertTrue(self.is_announced())

    def test_one_that_joins_a_user_who_is_elsewhere_is_not_subscribed(self) -> None:
        self.join(self.one, "other", "ann")  # as an administrator does
        self.assertEqual([server.counts().chatrooms for server in self.stores.servers], [0, 2])


class DeathTests(WorkersCase):
    """What ends with a worker."""

    def die(self) -> None:
        """Let the first worker die; its channel has ended, so the parent stops its server."""
        self.stores.worker_ends[0].abortConnection()
        for _ in range(2):
            run(self.stores.servers[0].stop())

    def test_its_users_are_offline_unless_they_are_connected_elsewhere(self) -> None:
        for store, user_id in (
            (self.one, "ann"),
            (self.one, "ann"),
            (self.one, "bob"),
            (self.other, "bob"),
        ):
            self.enter(store, user_id)
        self.die()
        self.assertEqual(
            [self.done(self.other.users.get(user_id)).online for user_id in ("ann", "bob")], [False, True]
        )
        (counts,) = self.done(self.other.nodes.statistics())
        self.assertEqual((counts.connections, counts.users), (1, 1))

    def test_its_subscriptions_end(self) -> None:
        self.join(self.other, "room", "ann")
        self.enter(self.one, "ann")
        self.die()
        self.assertEqual(self.stores.data.archive.watched, 0)
        self.done(self.other.messages.append(posted("room", "ann")))

    def test_the_parent_ends_its_connections_some_at_a_time(self) -> None:
        self.patch(server, "ENDED_AT_A_TIME", 2)
        names = [f"user{number}" for number in range(5)]
        for name in names:
            self.join(self.one, name, name)
            self.enter(self.one, name)
        self.stores.worker_ends[0].abortConnection()
        pauses: list[Deferred[None]] = []

        def pause(*args: object) -> Deferred[None]:
            pauses.append(Deferred())
            return pauses[-1]

        self.patch(server, "deferLater", pause)
        ending, online = Deferred.fromCoroutine(self.stores.servers[0].stop()), []
        while not ending.called:
            online.append(sum(self.done(self.other.users.get(name)).online for name in names))
            pauses[-1].callback(None)
        self.assertEqual(online[:3], [3, 1, 0])
        self.assertEqual(self.stores.data.archive.watched, 0)

    def test_a_command_does_not_wait_for_it(self) -> None:
        for store in (self.one, self.other):
            self.enter(store, "ann")
        self.stores.parent_ends[0].is_stuck = True
        found = self.begun(
            self.other.nodes.command_connections(ConnectionCommand("ann", ConnectionAction.LIST))
        )
        self.turn()
        self.assertNoResult(found)
        self.die()
        self.turn()
        self.assertEqual(self.successResultOf(found), [])

    def test_its_questions_fail(self) -> None:
        self.stores.parent_ends[0].is_stuck = True
        entering = self.begun(self.one.users.enter(Entry("ann"), admit))
        sending = self.begun(self.one.messages.append(private("ann", "bob")))
        self.turn()
        self.die()
        for asking in (entering, sending):
            self.failureResultOf(asking, Unavailable)
        self.assertEqual(self.stores.data.people.online, 0)
