"""Announcements that a node did not hear: what is looked up afterwards, and what is not."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.task import Clock

from gim.errors import Unavailable
from gim.storage.announcements import MessageStored
from gim.storage.message_ids import LAST
from gim.storage.redis.client.connect import connect
from gim.storage.redis.client.url import read
from gim.storage.redis.store import retries
from gim.storage.redis.store.cluster_announcements import ANNOUNCED_KEPT_MS
from gim.storage.redis.store.dedup import GENERATION
from gim.storage.redis.store.heartbeat import CLUSTER_LAG_MS
from tests.integration.redis.test_cluster_writes import HalfwayCase, Node
from tests.integration.redis.test_store import RedisStoreCase
from tests.support.redis.server import RedisTestCase
from tests.support.redis.settling import settled
from tests.support.redis.shared import shared_cluster
from tests.support.settings import redis_store
from tests.support.storage_behaviour.base import (
    RecordingListener,
    contents,
    enter,
    join,
    posted,
    private,
    send,
)


class GapCase(HalfwayCase):
    """Has a node where bob's messages and those of a chatroom are sent, and one where he logs in."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.sending = await self.node()
        await join(self.sending.store, "room", "ann", "bob")
        self.advanced = 0.0
        self.addCleanup(lambda: shared_cluster().advance(-self.advanced))

    async def log_in(self) -> Node:
        """Let bob be connected to a node."""
        node = await self.node("bob")
        await node.store.chatrooms.subscribe("room")
        return node

    def lose(self, node: Node) -> None:
        """Begin the gap: from now on nothing is heard."""
        self.deaf = node.store.bases()
        node.store.lost(self.deaf)
        for base in self.deaf:
            node.redis.unsubscribe(base)

    async def find(self, node: Node) -> None:
        """End the gap."""
        for base in self.deaf:
            await node.redis.subscribe(base)
        node.store.connected()
        await settled(node.store)

    async def gap(self, node: Node, *drafts: str) -> None:
        self.lose(node)
        await self.say(*drafts)
        await self.find(node)

    async def say(self, *contents: str) -> None:
        """Send each to bob, and to the chatroom."""
        for content in contents:
            await send(self.sending.store, private("ann", "bob", content), posted("room", "ann", content))

    async def pass_on(self, seconds: float, *nodes: Node) -> None:
        """Let time go by for the servers and these nodes."""
        shared_cluster().advance(seconds)
        self.advanced += seconds
        for node in nodes:
            node.clock.advance(seconds)
        for node in (self.sending, *nodes):
            await node.store.ping()
            await node.redis.measure(node.store.data_base)

    def heard_by(self, node: Node) -> tuple[list[str], list[str]]:
        """Return what bob heard from ann, and what the chatroom did."""
        stored = [news for news in node.listener.news if isinstance(news, MessageStored)]
        return tuple(  # type: ignore[return-value]
            [news.message.content for news in stored if news.reader == reader] for reader in ("bob", "")
        )

    def assert_heard(self, node: Node, *contents: str) -> None:
        self.assertEqual(self.heard_by(node), (list(contents), list(contents)))


class NewSubscriptionTests(GapCase):
    """Nothing from before a login is new, however soon after it the connection is lost."""

    async def test_what_came_before_the_login_is_not_announced(self) -> None:
        await self.say("old 1", "old 2")
        hearing = await self.log_in()
        await self.gap(hearing)
        self.assert_heard(hearing)
        await self.gap(hearing, "1", "2")
        self.assert_heard(hearing, "1", "2")

    async def test_it_does_not_come_after_newer_messages(self) -> None:
        await self.say("old")
        hearing = await self.log_in()
        await self.say("1")
        await settled(hearing.store)
        await self.gap(hearing, "2")
        self.assert_heard(hearing, "1", "2")

    async def test_a_first_message_that_is_missed_is_announced(self) -> None:
        hearing = await self.log_in()
        await self.gap(hearing, "1")
        self.assert_heard(hearing, "1")

    async def test_a_second_login_changes_nothing_for_the_first(self) -> None:
        hearing = await self.log_in()
        self.lose(hearing)
        await self.say("1")
        await enter(hearing.store, "bob")
        await hearing.store.chatrooms.subscribe("room")
        await self.find(hearing)
        self.assert_heard(hearing, "1")

    async def test_a_login_that_ended_leaves_nothing_to_the_next(self) -> None:
        hearing = await self.log_in()
        hearing.store.users.exit("bob")
        hearing.store.chatrooms.unsubscribe("room")
        await self.say("between")
        await enter(hearing.store, "bob")
        await hearing.store.chatrooms.subscribe("room")
        await self.gap(hearing, "1")
        self.assert_heard(hearing, "1")


class LateAnnouncementCase(GapCase):
    """Has messages that are announced long after they were stored."""

    async def store_only(self, content: str) -> None:
        """Store a message to bob that is not announced to him."""
        self.sending.lose_after_storing("bob")
        with self.assertRaises(Unavailable):
            await send(self.sending.store, private("ann", "bob", content))

    async def repair_now(self) -> None:
        """Announce them."""
        self.sending.clock.advance(retries.RETRY_INTERVAL)
        while self.sending.store._retries:
            await self.sending.store.ping()


class LateAnnouncementTests(LateAnnouncementCase):
    """What a node that hears nothing for a while finds of them."""

    async def test_one_that_is_announced_in_the_gap_is_found_whenever_it_was_stored(self) -> None:
        hearing = await self.log_in()
        await self.store_only("1")
        await self.pass_on(CLUSTER_LAG_MS / 1000 + 5, hearing)
        self.lose(hearing)
        self.sending.reach_all()
        await self.repair_now()
        await self.find(hearing)
        self.assertEqual(self.heard_by(hearing)[0], ["1"])

    async def test_those_that_are_not_announced_yet_come_once_and_in_order(self) -> None:
        for seconds in (0, CLUSTER_LAG_MS / 1000 + 5):
            await self.say("0")
            hearing = await self.log_in()
            await self.store_only("1")
            await self.pass_on(seconds, hearing)
            await self.store_only("2")
            self.lose(hearing)
            await self.find(hearing)
            self.assertIn(self.heard_by(hearing)[0], (["1", "2"], []))
            self.sending.reach_all()
            await self.repair_now()
            await settled(hearing.store)
            self.assertEqual(self.heard_by(hearing)[0], ["1", "2"])

    async def test_one_whose_announcement_the_node_of_its_sender_never_makes_is_announced(self) -> None:
        await self.say("0")
        hearing = await self.log_in()
        await self.store_only("1")
        await self.sending.store.stop()
        self.lose(hearing)
        await self.find(hearing)
        await settled(hearing.store)
        self.assertEqual(self.heard_by(hearing)[0], ["1"])

    async def test_nothing_is_announced_again_because_of_an_older_one(self) -> None:
        hearing = await self.log_in()
        await self.store_only("late")
        self.sending.reach_all()
        for content in ("1", "2"):
            await send(self.sending.store, private("cat", "bob", content))
            await settled(hearing.store)
            await self.pass_on(GENERATION + 1, hearing)
        self.lose(hearing)
        await self.repair_now()
        await self.find(hearing)
        self.assertEqual(self.heard_by(hearing)[0], ["1", "2", "late"])

    async def test_a_gap_longer_than_announcements_are_remembered_loses_nothing(self) -> None:
        await self.say("0")
        hearing = await self.log_in()
        await self.pass_on(CLUSTER_LAG_MS / 1000 + 5, hearing)
        self.lose(hearing)
        await self.say("1")
        await self.pass_on(ANNOUNCED_KEPT_MS / 1000 + 5, hearing)
        await self.say("2")
        await self.find(hearing)
        self.assert_heard(hearing, "1", "2")


class LateMissedTests(LateAnnouncementCase):
    """A device that had a newer message when a late one was announced, and was away by then."""

    async def since(self, node: Node, since: str) -> tuple[list[str], bool]:
        missed = await node.store.messages.missed("bob", since, 1000)
        return contents(missed.messages), missed.complete

    async def test_it_gets_the_late_one_with_what_came_after_that(self) -> None:
        await self.store_only("late")
        await self.pass_on(CLUSTER_LAG_MS / 1000 + 1)
        other = await self.node()
        between, had = await send(other.store, *(private("cat", "bob", one) for one in "12"))
        self.sending.reach_all()
        await self.repair_now()
        for since in (between.id, had.id):
            self.assertEqual(await self.since(self.sending, since), (["late", "1", "2"], True))

    async def test_a_login_without_a_point_gets_it_as_well(self) -> None:
        await self.store_only("late")
        other = await self.node()
        (had,) = await send(other.store, private("cat", "bob", "had"))
        other.store.messages.delivered("bob", had.id)
        await settled(other.store)
        self.assertEqual(contents((await other.store.messages.missed("bob", None, 9)).messages), [])
        self.sending.reach_all()
        await self.repair_now()
        missed = await other.store.messages.missed("bob", None, 9)
        self.assertEqual(contents(missed.messages), ["late", "had"])

    async def test_a_late_one_that_is_pushed_does_not_bring_back_others(self) -> None:
        hearing = await self.log_in()
        await self.store_only("late")
        (had,) = await send(hearing.store, private("cat", "bob", "had"))
        hearing.store.messages.delivered("bob", had.id)
        await settled(hearing.store)
        self.sending.reach_all()
        await self.repair_now()
        await settled(hearing.store)
        self.assertEqual(self.heard_by(hearing)[0], ["had", "late"])
        self.assertEqual(contents((await hearing.store.messages.missed("bob", None, 9)).messages), [])

    async def test_a_device_that_had_a_message_after_the_late_one_gets_nothing_again(self) -> None:
        await self.store_only("late")
        await self.pass_on(CLUSTER_LAG_MS / 1000 + 1)
        self.sending.reach_all()
        await self.repair_now()
        await self.pass_on(CLUSTER_LAG_MS / 1000 + 1)
        (had,) = await send(self.sending.store, private("cat", "bob", "had"))
        self.assertEqual(await self.since(self.sending, had.id), (["had"], True))
        await self.pass_on(CLUSTER_LAG_MS / 1000 + 1)
        self.assertEqual(await self.since(self.sending, LAST), ([], True))


class OneServerTests(RedisStoreCase):
    """A connection is lost before the first beat after a login: the node's clock stands still."""

    skip = RedisTestCase.skip

    async def setUp(self) -> None:  # type: ignore[override]
        self.server = await self.redis()
        self.sending = await self.make_store("gim")
        await join(self.sending, "room", "ann", "bob")
        self.listener = RecordingListener()
        self.hearing = redis_store(connect(read(self.url()), reactor), Clock(), prefix="gim")
        self.addCleanup(self.end, self.hearing)
        await self.hearing.start(self.listener)
        await send(self.sending, private("ann", "bob", "old"), posted("room", "ann", "old"))

    async def assert_found(self, *contents: str) -> None:
        """See that these are announced after a gap."""
        self.hearing.lost(self.hearing.bases())
        self.hearing.connected()
        await settled(self.hearing)
        stored = [news for news in self.listener.news if isinstance(news, MessageStored)]
        self.assertEqual([news.message.content for news in stored], list(contents))

    async def test_what_came_before_the_login_is_not_announced(self) -> None:
        await enter(self.hearing, "bob")
        await self.hearing.chatrooms.subscribe("room")
        await self.assert_found()

    async def test_what_came_before_the_joining_is_not_announced(self) -> None:
        await join(self.hearing, "room", "eve")
        await self.hearing.chatrooms.subscribe("room")
        await self.assert_found()
