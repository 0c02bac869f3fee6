"""What Redis keeps for how long, and what it is told again of those who are connected."""

from __future__ import annotations

from typing import Any

from msgspec import msgpack
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import NotFound, Unavailable
from gim.model import User
from gim.storage.redis.store import presence_refresh
from gim.storage.redis.store.message_reads import MessageReads
from gim.storage.redis.store.presence_refresh import PresenceRefresh
from tests.integration.redis.test_store import RedisStoreCase
from tests.support.redis.environment import until
from tests.support.redis.server import SKEW_MISSING, RedisTestCase
from tests.support.storage_behaviour.base import (
    AB,
    ANCIENT,
    ROOM,
    contents_of,
    enter,
    join,
    posted,
    private,
    send,
)

DAY = 86_400.0  # seconds
KEPT = ("ids", "messages", "recalled")  # of a session, as long as its messages


class Fault(Exception):
    """What fails once."""


class FaultTests(RedisStoreCase):
    """A fault in what a store does every second: it is logged, the store goes on, and stops."""

    def failing_once(self, owner: Any, name: str) -> list[int]:
        """Have a method raise `Fault` at its first call; return a list with an entry for each call."""
        calls: list[int] = []
        method = getattr(owner, name)

        def call() -> Any:
            calls.append(len(calls))
            if len(calls) == 1:
                raise Fault
            return method()

        self.patch(owner, name, call)
        return calls

    async def test_the_heartbeat_the_pings_and_the_presence_go_on(self) -> None:
        store = await self.make_store()
        await store.users.put("bob", "Bob")
        await enter(store, "bob")
        redis: Any = store._redis
        faults = (
            self.failing_once(store.heartbeat, "beat"),
            self.failing_once(store._presence_refresh, "refresh_some"),
            self.failing_once(redis._link, "measure"),
        )

        async def all_went_on() -> bool:
            return all(len(calls) > 2 for calls in faults)

        await until(all_went_on, "further calls")
        self.assertEqual(len(self.flushLoggedErrors(Fault)), len(faults))
        await store.ping()
        await store.stop()
        self.assertEqual(self.flushLoggedErrors(), [])


class AbandonedTests(RedisStoreCase):
    """What is left of a chatroom that all have left."""

    async def test_only_answers_to_requests_are_left_and_they_expire(self) -> None:
        store = await self.make_store(sequences=True)
        await join(store, "room", "ann", "bob")
        await store.moderation.appoint("room", "ann", "bob", "admin")
        await store.moderation.mute("room", "ann", "bob", 1_000_000)
        sent = await send(store, posted("room", "ann", request_id="r"), posted("room", "ann"))
        await store.moderation.recall(ROOM, "ann", sent[0].id)
        for user_id in ("bob", "ann"):
            await store.chatrooms.leave("room", user_id)
        base = store._keys.session("1:room")
        keys = [key.decode() for key in await self.server.do("KEYS", f"{base}:*")]
        self.assertCountEqual(keys, [f"{base}:once:ann", f"{base}:asked:ann"])
        for key in keys:
            self.assertGreater(await self.server.do("PTTL", key), 0)


class EarlierVersionTests(RedisStoreCase):
    """What an earlier version has stored, on a node or on one that still runs."""

    async def abandon(self) -> str:
        """Leave a chatroom as an earlier version did: its messages, name and mutes stay for a while."""
        await join(self.store, "room", "ann")
        await send(self.store, posted("room", "ann"))
        base = self.store._keys.session(ROOM.id)
        for command in (
            ("DEL", f"{base}:members"),
            ("HDEL", f"{base}:state", "owner", "read:ann"),
            ("PEXPIRE", f"{base}:state", 60_000),
            ("HDEL", f"{self.store._keys.user('ann')}:rooms", "room"),
        ):
            await self.server.do(*command)
        return base

    async def test_a_chatroom_that_all_had_left_is_made_anew(self) -> None:
        store = await self.make_store()
        base = await self.abandon()
        await join(store, "room", "eve")
        self.assertEqual(await store.messages.history(ROOM, "eve", None, 10), ([], False))
        (item,), _, _ = await store.chatrooms.members("room", "eve", "", 10)
        self.assertEqual(item.role, "owner")
        self.assertEqual(await self.server.do("PTTL", f"{base}:state"), -1)

    async def test_such_a_chatroom_does_not_exist(self) -> None:
        store = await self.make_store()
        await self.abandon()
        with self.assertRaises(NotFound):
            await store.chatrooms.join("room", User("eve", "Eve"), "", create_missing=False)
        await self.abandon()
        await store.chatrooms.create("room", "Room", None)

    async def test_an_answer_without_a_digest_answers_the_request(self) -> None:
        store = await self.make_store()
        draft = private("ann", "bob", request_id="r")
        (sent,) = await send(store, draft)
        answers = f"{store._keys.session(AB.id)}:once:ann"
        answer = msgpack.decode(await self.server.do("HGET", answers, "r"))
        await self.server.do("HSET", answers, "r", msgpack.encode(answer[:3]))
        self.assertEqual(await send(store, draft), [sent])

    async def test_a_recalled_message_that_was_trimmed_counts_for_nothing(self) -> None:
        store = await self.make_store(max_session_messages=2)
        sent = await send(store, *[private("ann", "bob")] * 2)
        base = store._keys.session(AB.id)
        for one in sent:
            await store.moderation.recall(AB, "ann", one.id)
            await self.server.do("ZREM", f"{base}:ids", one.id)
        for count, unread in ((1, 0), (2, 2)):  # too few until the next one is trimmed, but not below 0
            await send(store, *[private("ann", "bob")] * count)
            ((item,), _) = await store.messages.sessions("bob", None, None, 10)
            self.assertEqual(item.unread, unread)


class LookingForOneTests(RedisStoreCase):
    async def test_whether_anything_was_missed_takes_a_look_at_two_sessions(self) -> None:
        store = await self.make_store()
        await send(store, *[private(f"u{number}", "bob") for number in range(20)])
        looks: list[str] = []
        newest = MessageReads.newest

        def look(reads: MessageReads, session_id: str, *words: Any) -> Any:
            looks.append(session_id)
            return newest(reads, session_id, *words)

        self.patch(MessageReads, "newest", look)
        missed = await store.messages.missed("bob", ANCIENT, 1)
        self.assertFalse(missed.complete)
        self.assertEqual(looks, ["2:bob:u19", "2:bob:u18"])


class LongLifeTests(RedisStoreCase):
    """What Redis would forget by itself of those who are connected."""

    skip = RedisTestCase.skip or SKEW_MISSING

    async def beat(self, days: float) -> None:
        """Let so many days go by, and a round of naming all who are connected."""
        self.server.advance(days * DAY)
        for _ in range(2):  # the first one takes note of the time
            await self.store.heartbeat._beat()
        await self.store.ping()

    async def test_who_is_connected_for_days_stays_online_and_known(self) -> None:
        self.patch(presence_refresh, "REFRESH_ROUND", 1)
        listening = await self.make_store(ttl=60)
        await listening.users.put("bob", "Bob")
        await enter(listening, "bob")
        for _ in range(5):
            await self.beat(0.6)
            state = await listening.users.get("bob")
            self.assertEqual((state.name, state.online), ("Bob", True))

    async def test_nodes_that_died_are_forgotten_and_others_are_not(self) -> None:
        self.patch(presence_refresh, "REFRESH_ROUND", 1)
        listening = await self.make_store("gim")
        await enter(listening, "bob")
        await self.beat(1.0)
        new = f"{int(listening.heartbeat.now_ms / 1000):08x}00000000"
        await self.server.do("SADD", "gim:{u:bob}:nodes", "0" * 16, new)
        await self.beat(0.0)
        nodes = await self.server.do("SMEMBERS", "gim:{u:bob}:nodes")
        self.assertEqual({node.decode() for node in nodes}, {listening.heartbeat.node, new})

    async def test_sessions_whose_messages_expired_go_however_much_one_posts(self) -> None:
        listening = await self.make_store("gim", ttl=3600)
        await join(listening, "room", "ann")
        await send(listening, private("old", "ann"))
        await self.advance(3601)
        await send(listening, posted("room", "ann"), private("new", "ann"))
        sessions = await self.server.do("ZRANGE", "gim:{u:ann}:sessions", 0, -1)
        self.assertEqual(sessions, [b"2:ann:new"])

    async def test_a_list_of_sessions_lives_as_long_as_its_user(self) -> None:
        listening = await self.make_store("gim", ttl=60)
        await join(listening, "room", "ann")
        await send(listening, posted("room", "ann"), private("bob", "ann"))
        await self.live_as_long(-1)
        await listening.chatrooms.leave("room", "ann")
        await self.live_as_long(60_000 + DAY * 1000)
        await self.advance(3600)
        await listening.users.put("ann", None)
        await self.live_as_long(60_000 + DAY * 1000)

    async def test_a_message_is_stored_just_after_the_clock_of_the_server_was_set(self) -> None:
        setting = await self.make_store("gim")
        for seconds in (3600, -7200):
            self.server.advance(seconds)
            await send(setting, private("ann", "bob"))
        self.assertEqual(len(await contents_of(setting, AB)), 2)

    async def test_a_session_that_expired_is_lost_for_a_longer_time_to_live_as_well(self) -> None:
        before = await self.make_store("gim", ttl=60)
        await send(before, private("bob", "ann"))
        await self.advance(100)
        await before.stop()
        store = await self.make_store("gim", ttl=3600)
        self.assertFalse((await store.messages.missed("ann", ANCIENT, 9)).complete)
        await send(store, private("bob", "ann"))
        missed = await store.messages.missed("ann", ANCIENT, 9)
        self.assertEqual((len(missed.messages), missed.complete), (1, False))

    async def test_what_redis_evicted_is_lost(self) -> None:
        store = await self.make_store("gim")
        for kind in ("messages", "ids"):
            await send(store, private("bob", "ann"))
            self.assertTrue((await store.messages.missed("ann", ANCIENT, 9)).complete)
            await self.server.do("DEL", f"gim:{{s:{AB.id}}}:{kind}")
            self.assertFalse((await store.messages.missed("ann", ANCIENT, 9)).complete)
            await self.server.do("FLUSHALL")
            await store.ping()

    async def live_as_long(self, ms: float) -> None:
        for kind in ("user", "sessions"):
            left = await self.server.do("PTTL", f"gim:{{u:ann}}:{kind}")
            self.assertTrue(left == ms or 0 < ms - left < 60_000, (kind, left))


class RecalledTests(RedisStoreCase):
    """The ids of a session's recalled messages are kept as long as the messages are."""

    skip = RedisTestCase.skip or SKEW_MISSING

    async def recalled(self, session_id: str) -> list[str]:
        found = await self.server.do("ZRANGE", f"gim:{{s:{session_id}}}:recalled", 0, -1)
        return [one.decode() for one in found]

    async def test_they_go_with_what_is_trimmed(self) -> None:
        store = await self.make_store("gim", max_session_messages=2)
        first, second = await send(store, *[private("ann", "bob")] * 2)
        for sent in (second, first):
            await store.moderation.recall(AB, "ann", sent.id)
        self.assertEqual(await self.recalled(AB.id), [first.id, second.id])
        await send(store, private("ann", "bob"))
        self.assertEqual(await self.recalled(AB.id), [second.id])
        await send(store, private("ann", "bob"))
        self.assertEqual(await self.recalled(AB.id), [])

    async def test_they_expire_together_with_the_messages(self) -> None:
        store = await self.make_store("gim", ttl=3600)
        (sent,) = await send(store, private("ann", "bob"))
        await store.moderation.recall(AB, "ann", sent.id)
        for seconds in (0, 3000):
            await self.advance(seconds)
            await send(store, private("ann", "bob"))
            ends = [await self.server.do("PEXPIRETIME", f"gim:{{s:{AB.id}}}:{part}") for part in KEPT]
            self.assertEqual(ends, ends[:1] * len(KEPT))
        await self.advance(2000)
        await send(store, private("ann", "bob"))
        self.assertEqual(await self.recalled(AB.id), [])

    async def test_they_go_with_the_chatroom(self) -> None:
        for goes in ("dismissed", "left"):
            store = await self.make_store("gim", ttl=60)
            await join(store, "room", "ann")
            (sent,) = await send(store, posted("room", "ann"))
            await store.moderation.recall(ROOM, "ann", sent.id)
            if goes == "dismissed":
                await store.moderation.dismiss("room", "ann")
            else:
                await self.advance(61)
                await store.chatrooms.leave("room", "ann")
            self.assertEqual(await self.server.do("KEYS", "gim:{s:1:room}:*"), [])


class ConnectedUsers:
    """The users who are connected, and their refreshes, which wait until a test ends them."""

    def __init__(self, *user_ids: str) -> None:
        self.ids = list(user_ids)
        self.named: list[str] = []
        self.naming: list[Deferred[None]] = []

    def user(self, user_id: str) -> str | None:
        return user_id if user_id in self.ids else None

    def user_ids(self) -> list[str]:
        return list(self.ids)

    async def refresh(self, user_id: str) -> None:
        self.named.append(user_id)
        self.naming.append(Deferred())
        await self.naming[-1]


class PresenceRefreshTests(SynchronousTestCase):
    """A round of three beats."""

    def setUp(self) -> None:
        self.patch(presence_refresh, "REFRESH_ROUND", 3)
        self.here: Any = ConnectedUsers(*"abcde")
        self.refreshing = PresenceRefresh(self.here, self.here, every=1.0)  # type: ignore[arg-type]

    def beat(self, times: int) -> list[str]:
        """Return who is named."""
        self.here.named.clear()
        for _ in range(times):
            self.refreshing.refresh_some()
        return list(self.here.named)

    def test_everybody_is_named_once_in_a_round_a_few_with_each_beat(self) -> None:
        for _ in range(2):
            self.assertEqual([self.beat(1) for _ in range(3)], [["a", "b"], ["c", "d"], ["e"]])

    def test_who_left_is_not_named_and_who_came_is_in_the_next_round(self) -> None:
        self.beat(1)
        self.here.ids = ["d", "x"]
        self.assertEqual(self.beat(2), ["d"])
        self.assertEqual(self.beat(3), ["d", "x"])

    def test_a_failure_is_nothing_to_the_others(self) -> None:
        self.beat(1)
        self.here.naming[0].errback(Unavailable("away"))
        self.here.naming[1].errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.beat(2), ["c", "d", "e"])
