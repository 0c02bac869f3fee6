"""A cluster on which a message is stored, and what follows is held up by a fault."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.errors import Conflict, NotFound, Unavailable
from gim.ids import chatroom_session
from gim.model import Event, Sent
from gim.storage.announcements import MemberLeft, MessageStored, SessionEvent
from gim.storage.redis.client.connect import connect
from gim.storage.redis.client.script import Script
from gim.storage.redis.client.url import read
from gim.storage.redis.store import cluster_writes, retries, scripts
from gim.storage.redis.store.dedup import GENERATION
from tests.support.redis.environment import until
from tests.support.redis.server import SKEW_MISSING, RedisTestCase
from tests.support.redis.settling import settled
from tests.support.redis.shared import shared_cluster
from tests.support.settings import redis_store, storage_limits
from tests.support.storage_behaviour.base import (
    AB,
    RecordingListener,
    contents_of,
    enter,
    join,
    listed,
    messages_of,
    posted,
    private,
    user,
)


class Faulty:
    """A `gim.storage.redis.client.interface.Redis` that can't reach some bases, is slow to run a script,
    or loses its replies."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self.away: set[str] = set()
        self.away_after_storing: set[str] = set()
        self.swallows: Script | None = None
        self.slow: Script | None = None
        self.waiting: list[Deferred[None]] = []  # runs of the slow script
        self.fails: Script | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    def _reach(self, base: str) -> None:
        if base in self.away:
            raise Unavailable("away")

    async def run(self, script: Script, bases: tuple[str, ...], *words: Any) -> Any:
        self._reach(bases[0])
        if script is self.slow:
            self.waiting.append(Deferred())
            await self.waiting[-1]
        if script is self.fails:
            raise Unavailable("away")
        reply = await self._redis.run(script, bases, *words)
        if script is scripts.STORE:
            self.away |= self.away_after_storing
        if script is self.swallows:
            raise Unavailable("the reply got lost")
        return reply

    def go_on(self) -> None:
        """Let the slow script run."""
        self.slow, (waiting, self.waiting) = None, (self.waiting, [])
        for one in waiting:
            one.callback(None)

    async def call(self, base: str, *words: Any) -> Any:
        self._reach(base)
        return await self._redis.call(base, *words)


class Node:
    """A store of its own on the cluster, with a clock that a test moves; hears what is announced."""

    def __init__(self, prefix: str) -> None:
        target = read(f"redis+cluster://127.0.0.1:{shared_cluster().port}")
        self.clock = Clock()
        self.listener = RecordingListener()
        way, limits = (
            self._connect(connect(target, reactor)),
            storage_limits(self.clock, max_user_chatrooms=1),
        )
        self.store = redis_store(way, self.clock, prefix=prefix, limits=limits)

    def _connect(self, way: Any) -> Any:
        def connected(subscriber: Any) -> Any:
            self.redis = Faulty(way(subscriber))
            return self.redis

        return connected

    async def start(self, *watched: str) -> None:
        await self.store.start(self.listener)
        await self.store.ping()
        for user_id in watched:
            await enter(self.store, user_id)

    def lose(self, *user_ids: str) -> None:
        """Let the server of these users be away."""
        self.redis.away = {self.store._keys.user(user_id) for user_id in user_ids}

    def lose_after_storing(self, *user_ids: str) -> None:
        """Do that once the next message is stored."""
        self.redis.away_after_storing = {self.store._keys.user(user_id) for user_id in user_ids}

    def reach_all(self) -> None:
        """End it."""
        self.redis.away = self.redis.away_after_storing = set()

    @property
    def heard(self) -> list[tuple[str, str]]:
        """What was announced: content and reader."""
        stored = [news for news in self.listener.news if isinstance(news, MessageStored)]
        return [(news.message.content, news.reader) for news in stored]


class HalfwayCase(RedisTestCase):
    """Has a node where ann sends, and one where both ann and bob are listened to."""

    skip = RedisTestCase.skip or SKEW_MISSING

    async def setUp(self) -> None:  # type: ignore[override]
        self.sending, self.hearing = await self.node(), await self.node("ann", "bob")

    async def node(self, *watched: str) -> Node:
        node = Node(self.id())
        self.addCleanup(node.store.stop)
        await node.start(*watched)
        return node

    async def is_refused(self, node: Node, content: str, **more: str) -> None:
        with self.assertRaises(Unavailable):
            await self.send(node, content, **more)

    async def send(self, node: Node, content: str, **more: str) -> Sent:
        return await node.store.messages.append(private("ann", "bob", content, **more))

    async def repair(self) -> None:
        """Let the time pass until the next repair, and see that nothing is left to be repaired."""
        self.sending.clock.advance(retries.RETRY_INTERVAL)
        await until(self.is_repaired, "the repair")
        await settled(self.hearing.store)

    async def is_repaired(self) -> bool:
        return not self.sending.store._retries

    def on_announcement(self, *contents: str) -> None:
        """See that both people heard these once."""
        wanted = [(content, reader) for content in contents for reader in ("ann", "bob")]
        self.assertCountEqual(self.hearing.heard, wanted)


class RepairTests(HalfwayCase):
    """The session has the message, its people's lists and the announcements are made up for."""

    async def test_who_was_away_finds_and_hears_it_afterwards(self) -> None:
        for away in (("bob",), ("ann",), ("ann", "bob")):
            content = " and ".join(away)
            self.sending.lose_after_storing(*away)
            await self.is_refused(self.sending, content)
            self.assertEqual((await contents_of(self.hearing.store, AB))[-1], content)
            self.sending.reach_all()
            await self.repair()
            for user_id in ("ann", "bob"):
                self.assertEqual(await listed(self.hearing.store, user_id), [AB.id])
        self.on_announcement("bob", "ann", "ann and bob")

    async def test_it_is_tried_again_until_it_succeeds(self) -> None:
        self.sending.lose("bob")
        await self.is_refused(self.sending, "hi")
        for _ in range(5):
            self.sending.clock.advance(retries.RETRY_INTERVAL)
            await settled(self.sending.store)
        self.assertEqual([reader for _, reader in self.hearing.heard], [])
        self.assertEqual(await listed(self.hearing.store, "bob"), [])
        self.sending.reach_all()
        await self.repair()
        self.on_announcement("hi")

    async def test_the_half_that_succeeded_is_not_repeated(self) -> None:
        self.sending.lose_after_storing("ann")
        await self.is_refused(self.sending, "hi")
        await settled(self.hearing.store)
        self.assertEqual(self.hearing.heard, [("hi", "bob")])
        self.assertEqual(len(self.sending.store._retries), 1)
        self.sending.reach_all()
        await self.repair()
        self.on_announcement("hi")

    async def test_a_sender_who_repeats_the_request_has_it_announced_once(self) -> None:
        self.sending.lose("bob")
        for _ in range(3):
            await self.is_refused(self.sending, "hi", request_id="r")
        self.assertLessEqual(len(self.sending.store._retries), 2)
        self.sending.reach_all()
        sent = await self.send(self.sending, "hi", request_id="r")
        await self.repair()
        self.on_announcement("hi")
        self.assertEqual(await self.send(self.sending, "hi", request_id="r"), sent)
        await settled(self.hearing.store)
        self.on_announcement("hi")

    async def test_another_node_finishes_what_a_dead_one_left_when_the_request_is_repeated(
        self,
    ) -> None:
        self.sending.lose("bob")
        await self.is_refused(self.sending, "hi", request_id="r")
        await self.sending.store.stop()
        shared_cluster().advance(60)
        self.addCleanup(shared_cluster().advance, -60)
        await self.send(self.hearing, "hi", request_id="r")
        await settled(self.hearing.store)
        self.on_announcement("hi")

    async def test_other_content_is_refused_while_the_first_message_is_unfinished(self) -> None:
        self.sending.lose("bob")
        await self.is_refused(self.sending, "hi", request_id="r")
        self.sending.reach_all()
        for node in (self.sending, self.hearing):
            with self.assertRaises(Conflict):
                await self.send(node, "other", request_id="r")
        await self.repair()
        self.on_announcement("hi")
        self.assertEqual(await contents_of(self.hearing.store, AB), ["hi"])

    async def unfinished(self, swallowed: Script | None = None, **more: str) -> str:
        """Store a message that neither user hears of yet; return its id."""
        self.sending.redis.swallows = swallowed
        self.sending.lose_after_storing("ann", "bob")
        await self.is_refused(self.sending, "secret", **more)
        self.sending.redis.swallows = None
        self.sending.reach_all()
        return (await messages_of(self.hearing.store, AB))[-1].id

    async def test_a_message_that_was_recalled_meanwhile_is_announced_as_a_stub(self) -> None:
        for swallowed in (None, scripts.STORE):
            message_id = await self.unfinished(swallowed)
            await self.hearing.store.moderation.recall(AB, "ann", message_id)
            await self.repair()
            self.on_announcement("")
            self.hearing.listener.news.clear()

    async def test_a_repeated_request_announces_a_recalled_message_as_a_stub(self) -> None:
        message_id = await self.unfinished(request_id="r")
        await self.hearing.store.moderation.recall(AB, "ann", message_id)
        sent = await self.send(self.hearing, "secret", request_id="r")
        await self.repair()
        self.assertEqual(sent.id, message_id)
        self.on_announcement("")

    async def test_a_message_that_is_gone_meanwhile_is_not_announced(self) -> None:
        message_id = await self.unfinished()
        base = self.sending.store._keys.session(AB.id)
        await self.sending.redis.call(base, "HDEL", f"{base}:messages", message_id)
        await self.repair()
        self.assertEqual(self.hearing.heard, [])

    async def test_a_message_is_found_whose_reply_got_lost(self) -> None:
        self.sending.redis.swallows = scripts.STORE
        await self.is_refused(self.sending, "hi")
        self.sending.redis.swallows = None
        self.assertEqual(await listed(self.hearing.store, "bob"), [])
        await self.repair()
        self.on_announcement("hi")
        self.assertEqual(await listed(self.hearing.store, "bob"), [AB.id])

    async def test_an_announcement_whose_reply_got_lost_is_not_made_twice(self) -> None:
        self.sending.redis.swallows = scripts.INDEX
        await self.is_refused(self.sending, "hi")
        self.sending.redis.swallows = None
        await self.repair()
        self.on_announcement("hi")

    async def test_what_can_not_be_repaired_is_given_up_when_nobody_repeats_the_request(
        self,
    ) -> None:
        self.sending.lose("bob")
        await self.is_refused(self.sending, "hi")
        self.sending.clock.pump([retries.RETRY_INTERVAL] * 3)
        self.assertTrue(self.sending.store._retries)
        self.sending.clock.advance(retries.GIVE_UP_AFTER)
        await until(self.is_repaired, "the end of the repair")


class ReadTests(HalfwayCase):
    """A read position moves at the session's server, the reader hears of it from another one."""

    async def test_the_answer_comes_without_the_server_of_the_reader(self) -> None:
        sent = [await self.send(self.sending, content) for content in "ab"]
        messages = self.sending.store.messages
        self.sending.lose("bob")
        self.assertEqual(await messages.mark_read(AB, "bob", sent[0].id), 1)
        self.sending.reach_all()
        for _ in range(2):
            self.assertEqual(await messages.mark_read(AB, "bob", sent[1].id), 0)
        await settled(self.hearing.store)
        told = [news for news in self.hearing.listener.news if isinstance(news, SessionEvent)]
        self.assertEqual(
            [(news.reader, news.event) for news in told],
            [("bob", Event("read", "bob", AB.id, "bob", sent[1].id, unread=0))],
        )


class OrderTests(HalfwayCase):
    """Messages of one session are announced in their order, whichever node announces first."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.other = await self.node()

    async def reply(self, content: str) -> Sent:
        """Send from bob to ann, over another node."""
        return await self.other.store.messages.append(private("bob", "ann", content))

    def heard_by(self, user_id: str) -> list[str]:
        return [content for content, reader in self.hearing.heard if reader == user_id]

    async def assert_order(self, *contents: str) -> None:
        await settled(self.hearing.store)
        for user_id in ("ann", "bob"):
            self.assertEqual(self.heard_by(user_id), list(contents), user_id)

    async def test_a_newer_message_announces_an_older_one_that_waits_for_a_retry(self) -> None:
        for away in (("bob",), ("ann",), ("ann", "bob")):
            self.hearing.listener.news.clear()
            self.sending.lose_after_storing(*away)
            await self.is_refused(self.sending, "1")
            await self.reply("2")
            await self.assert_order("1", "2")
            self.sending.reach_all()
            await self.repair()
            await self.assert_order("1", "2")

    async def test_a_newer_message_announces_several_that_wait(self) -> None:
        self.sending.lose_after_storing("bob")
        for content in ("1", "2", "3"):
            await self.is_refused(self.sending, content)
        self.sending.reach_all()
        await self.send(self.sending, "4")
        await self.assert_order("1", "2", "3", "4")
        await self.repair()
        await self.assert_order("1", "2", "3", "4")

    async def test_retries_keep_the_order(self) -> None:
        self.sending.lose_after_storing("bob")
        for content in ("1", "2", "3"):
            await self.is_refused(self.sending, content)
        works = self.sending.store._retries._works
        for key in reversed(tuple(works)):  # the last one is tried first
            works[key] = works.pop(key)
        self.sending.reach_all()
        await self.repair()
        await self.assert_order("1", "2", "3")

    async def test_a_message_whose_announcement_is_slow_is_announced_by_the_next(self) -> None:
        self.sending.redis.slow = scripts.INDEX
        sending = Deferred.fromCoroutine(self.send(self.sending, "1"))

        async def waits() -> bool:
            return len(self.sending.redis.waiting) == 2

        await until(waits, "the slow script")
        await self.reply("2")
        self.sending.redis.go_on()
        await sending
        await self.assert_order("1", "2")

    async def test_a_message_that_was_removed_holds_nothing_up(self) -> None:
        self.sending.lose_after_storing("bob")
        await self.is_refused(self.sending, "1")
        base = self.other.store._keys.session(AB.id)
        (message,) = await messages_of(self.hearing.store, AB)
        await self.other.redis.call(base, "HDEL", f"{base}:messages", message.id)
        await self.reply("2")
        await settled(self.hearing.store)
        self.assertEqual(self.heard_by("bob"), ["2"])

    async def test_a_message_that_was_given_up_holds_nothing_up(self) -> None:
        self.sending.lose_after_storing("bob")
        await self.is_refused(self.sending, "1")
        shared_cluster().advance(retries.GIVE_UP_AFTER + 1)
        self.addCleanup(shared_cluster().advance, -retries.GIVE_UP_AFTER - 1)
        await self.other.store.ping()
        await self.other.redis.measure(self.other.store.data_base)
        await self.reply("2")
        await settled(self.hearing.store)
        self.assertEqual(self.heard_by("bob"), ["2"])

    async def test_a_message_that_was_recalled_is_announced_as_its_stub(self) -> None:
        self.sending.lose_after_storing("bob")
        await self.is_refused(self.sending, "1")
        (message,) = await messages_of(self.hearing.store, AB)
        await self.hearing.store.moderation.recall(AB, "ann", message.id)
        await self.reply("2")
        await settled(self.hearing.store)
        self.assertEqual(self.heard_by("bob"), ["", "2"])


class SlowTests(HalfwayCase):
    """All steps together are in time, however slow each of them is."""

    async def begin(self, script: Script, runs: int) -> Deferred[Sent]:
        """Send a message; return when the sender waits for so many runs of this script."""
        redis = self.sending.redis
        redis.slow = script
        sending = Deferred.fromCoroutine(self.send(self.sending, "hi"))

        async def waits() -> bool:
            return len(redis.waiting) == runs

        await until(waits, "the slow script")
        return sending

    async def test_nothing_is_stored_after_a_slow_first_step(self) -> None:
        sending = await self.begin(scripts.REFER, 1)
        self.sending.clock.advance(cluster_writes.FIRST_STEP_WITHIN + 0.1)
        self.sending.redis.go_on()
        with self.assertRaisesRegex(Unavailable, "nothing was stored"):
            await sending
        self.assertEqual(await contents_of(self.hearing.store, AB), [])

    async def test_who_waits_for_the_last_step_is_answered_and_it_is_done_all_the_same(self) -> None:
        sending = await self.begin(scripts.INDEX, 2)
        self.sending.clock.advance(ANSWER_TIMEOUT - 0.1)
        self.assertNoResult(sending)
        self.sending.clock.advance(0.1)
        self.failureResultOf(sending, Unavailable)
        self.sending.redis.go_on()
        await self.sending.store.ping()
        await settled(self.hearing.store)
        self.on_announcement("hi")

    async def test_who_waits_for_the_message_to_be_stored_is_answered_and_the_rest_follows(self) -> None:
        sending = await self.begin(scripts.STORE, 1)
        self.sending.clock.advance(ANSWER_TIMEOUT)
        self.failureResultOf(sending, Unavailable)
        self.sending.redis.go_on()
        await self.repair()
        self.on_announcement("hi")

    async def test_a_sender_who_goes_before_the_message_is_stored_leaves_nothing_half_done(self) -> None:
        sending = await self.begin(scripts.STORE, 1)
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        self.sending.redis.go_on()
        await self.repair()
        self.on_announcement("hi")


class JoiningTests(HalfwayCase):
    """A user is in as many chatrooms as they may be, which the chatroom's server does not know."""

    async def test_a_member_who_could_not_be_taken_out_again_is_taken_out_later(self) -> None:
        store = self.sending.store
        await join(store, "one", "ann")
        self.sending.redis.fails = scripts.DISMISS
        with self.assertRaises(Conflict):
            await store.chatrooms.join("two", user("ann"), "")
        self.assertEqual((await store.chatrooms.members("two", "ann", "", 9))[1], 1)
        self.sending.redis.fails = None
        await self.repair()
        with self.assertRaises(NotFound):
            await store.chatrooms.members("two", "ann", "", 9)
        self.assertEqual(await store.chatrooms.of_user("ann"), ["one"])

    async def test_a_member_who_joined_meanwhile_is_not_taken_out(self) -> None:
        store = self.sending.store
        await join(store, "one", "ann")
        self.sending.redis.fails = scripts.DISMISS
        with self.assertRaises(Conflict):
            await store.chatrooms.join("two", user("ann"), "")
        self.sending.redis.fails = None
        await store.chatrooms.leave("one", "ann")
        await join(store, "two", "ann")
        await store.messages.append(posted("two", "ann"))
        await self.repair()
        self.assertEqual(await contents_of(store, chatroom_session("two")), ["hi"])


class LeavingTests(HalfwayCase):
    """A membership has ended, and the server of the former member's own keys is away."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        await join(self.sending.store, "room", "ann", "bob")
        self.observer = RecordingListener()
        self.sending.store.chatrooms.observe(self.observer)

    async def end(self, ending: Coroutine[Any, Any, None]) -> None:
        """End bob's membership while the server of bob's own keys is away."""
        self.sending.lose("bob")
        with self.assertRaises(Unavailable):
            await ending
        self.sending.reach_all()

    async def heard(self) -> list[Any]:
        """Return what bob's node and the observer heard of the end, after the repair."""
        await self.repair()
        self.assertEqual(await self.sending.store.chatrooms.of_user("bob"), [])
        left = [news for news in self.hearing.listener.news if isinstance(news, MemberLeft)]
        self.assertIn(self.observer.news[-1], left)
        return left

    async def test_a_user_who_left_does_not_go_on_listing_and_hearing_the_chatroom(self) -> None:
        await self.end(self.sending.store.chatrooms.leave("room", "bob"))
        self.assertEqual(await self.heard(), [MemberLeft("bob", "room")])

    async def test_a_user_who_was_removed_does_not_either(self) -> None:
        await self.end(self.sending.store.moderation.remove("room", "ann", "bob"))
        self.assertEqual(await self.heard(), [MemberLeft("bob", "room", "removed", "ann")])

    async def test_no_former_member_of_a_dismissed_chatroom_does(self) -> None:
        await self.end(self.sending.store.moderation.dismiss("room", "ann"))
        ends = [MemberLeft(one, "room", "dismissed", "ann") for one in ("ann", "bob")]
        self.assertCountEqual(await self.heard(), ends)

    async def test_a_user_who_is_back_stays(self) -> None:
        await self.end(self.sending.store.chatrooms.leave("room", "bob"))
        await join(self.hearing.store, "room", "bob")
        await self.repair()
        self.assertEqual(await self.sending.store.chatrooms.of_user("bob"), ["room"])

    async def test_leaving_again_completes_it_though_the_chatroom_is_forgotten(self) -> None:
        await self.sending.store.chatrooms.leave("room", "ann")
        await self.end(self.sending.store.chatrooms.leave("room", "bob"))
        await self.hearing.store.chatrooms.leave("room", "bob")
        self.assertEqual(await self.hearing.store.chatrooms.of_user("bob"), [])
        with self.assertRaises(NotFound):
            await self.hearing.store.chatrooms.leave("room", "bob")


class MissedTests(HalfwayCase):
    """A connection to a server is gone for a while, and announcements with it."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.base = self.hearing.store._keys.user("bob")

    async def test_what_is_announced_while_more_is_missed_is_announced_once(self) -> None:
        store = self.hearing.store
        await self.send(self.sending, "before")
        await settled(store)
        store.lost([self.base])
        await self.send(self.sending, "held")
        await store.ping()  # its announcement is here
        store.lost([self.base])
        await self.send(self.sending, "held again")
        await store.ping()
        store.connected()
        await settled(store)
        self.on_announcement("before", "held", "held again")

    async def test_what_is_missed_while_it_is_looked_up_is_looked_up_anew(self) -> None:
        store = self.hearing.store
        store.lost([self.base])
        store.connected()
        store.lost([self.base])  # the replies to the first look are still to come
        await settled(store)
        await self.send(self.sending, "held")
        await store.ping()
        self.assertEqual(self.hearing.heard, [("held", "ann")])
        store.connected()
        await settled(store)
        self.on_announcement("held")

    async def test_nothing_is_announced_again_after_a_long_fault(self) -> None:
        store = self.hearing.store
        for content in ("one", "two"):
            await self.send(self.sending, content)
            await settled(store)
            self.hearing.clock.advance(GENERATION / 4)
        store.lost([self.base])
        self.hearing.clock.advance(GENERATION * 10)
        store.connected()
        await settled(store)
        self.on_announcement("one", "two")

    async def test_what_can_not_be_looked_up_is_looked_up_again(self) -> None:
        store = self.hearing.store
        store.lost([self.base])
        await self.send(self.sending, "hi")
        await store.ping()
        self.hearing.redis.away = {store._keys.session(AB.id)}
        store.connected()
        await settled(store)
        self.assertEqual(self.hearing.heard, [("hi", "ann")])
        self.hearing.redis.away = set()
        self.hearing.clock.advance(1)
        await settled(store)
        self.on_announcement("hi")
