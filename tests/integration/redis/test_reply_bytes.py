"""A server that ends a connection when more than 1 MiB of replies waits for it, and reads of far more."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail

from gim.concurrency.gather import gather
from gim.ids import private_session
from gim.storage.announcements import MessageStored
from gim.storage.redis.client import reply_budget
from gim.storage.redis.store import cluster_writes, message_reads, reading
from gim.storage.redis.store.store import RedisStore
from tests.integration.redis.test_store import RedisStoreCase
from tests.support.redis.environment import until
from tests.support.redis.server import SKEW_MISSING, RedisTestCase
from tests.support.redis.shared import shared_cluster
from tests.support.storage_behaviour.base import AB, contents, enter, join, posted, private

LIMIT, DEFAULT = "pubsub 1048576 0 0", "pubsub 33554432 8388608 60"
MAX_REPLY_BYTES = 256 * 1024
BYTES_PER_REPLY = 64 * 1024
USERS = [f"u{number}" for number in range(20)]
MESSAGES = 60  # of each user
TEXT = "x" * 2000  # so that they make 2.4 MB
ALL = [f"{number:03}" for number in range(MESSAGES)]
PATIENCE = 20.0  # seconds


class Away:
    """An endpoint that can't be reached."""

    def connect(self, factory: Any) -> Deferred[Any]:
        return fail(ConnectionRefusedError())


def content(number: int) -> str:
    return f"{number:03} {TEXT}"


class ReplyBytesCase(RedisStoreCase):
    """Has a store that sends, and makes others whose connections can be watched."""

    skip = RedisTestCase.skip

    async def setUp(self) -> None:  # type: ignore[override]
        self.server = await self.redis()
        await self.prepare()

    async def prepare(self) -> None:
        self.prefix = self.id()
        self.patch(reply_budget, "MAX_REPLY_BYTES", MAX_REPLY_BYTES)
        self.patch(reading, "BYTES_PER_REPLY", BYTES_PER_REPLY)
        self.patch(message_reads, "MESSAGES_PER_PAGE", BYTES_PER_REPLY // reading.MESSAGE_BYTES)
        self.patch(cluster_writes, "FIRST_STEP_WITHIN", PATIENCE)  # a busy machine may be slow
        self.sender = await self.make_store(self.prefix)
        await self.limit(LIMIT)
        self.addCleanup(self.limit, DEFAULT)

    async def limit(self, limit: str) -> None:
        words = "CONFIG", "SET", "client-output-buffer-limit", limit
        await self.sender._redis.call(self.sender.data_base, *words)

    async def tell_all(self) -> None:
        """Send each user all messages, from two others in turn, and as many to the chatroom."""
        await join(self.sender, "room", "ann")
        for number in range(MESSAGES):
            sender = ("ann", "bob")[number % 2]
            drafts = [private(sender, user_id, content(number)) for user_id in USERS]
            drafts.append(posted("room", "ann", content(number)))
            await gather(map(self.sender.messages.append, drafts))

    def links(self, store: RedisStore) -> list[Any]:
        redis: Any = store._redis
        return list(redis._links.values()) if redis.is_cluster else [redis._link]

    def connections(self, store: RedisStore) -> list[Any]:
        """Return the connections that serve; they stay the same while no server ends one."""
        return [link.connection for link in self.links(store)]

    async def listen_while_cut_off(self) -> RedisStore:
        """Return a store that listens to all users and the chatroom, and missed all that they got."""
        listening = await self.make_store(self.prefix)
        await gather(enter(listening, user_id) for user_id in USERS)
        await listening.chatrooms.subscribe("room")
        (link,) = self.links(listening)
        endpoint, link._endpoint = link._endpoint, Away()
        link.drop()
        await self.tell_all()
        link._endpoint = endpoint
        await until(lambda: self.hears(listening), "other connections")
        return listening

    async def hears(self, store: RedisStore) -> bool:
        return all(map(store._redis.hears, store.bases()))

    async def is_caught_up(self) -> bool:
        return all(watch.held is None for watch in self.store._subscriptions)

    def heard(self, reader: str) -> list[str]:
        """Return the numbers of the messages announced to one user, or in the chatroom for ""."""
        stored = [news for news in self.news if isinstance(news, MessageStored)]
        return [news.message.content[:3] for news in stored if news.reader == reader]

    def all_is_heard(self) -> None:
        for reader in (*USERS, ""):
            self.assertEqual(self.heard(reader), ALL, reader)


class ReplyBytesTests(ReplyBytesCase):
    """One server."""

    async def test_a_node_that_was_cut_off_catches_up_with_all(self) -> None:
        listening = await self.listen_while_cut_off()
        before = self.connections(listening)
        await until(self.is_caught_up, "the end of the resync", PATIENCE)
        self.all_is_heard()
        self.assertEqual(self.connections(listening), before)

    async def test_a_resync_that_is_cut_goes_on_where_it_was(self) -> None:
        listening = await self.listen_while_cut_off()
        await until(self.has_heard_some, "the first messages", pause=0.001)
        heard = {reader: len(self.heard(reader)) for reader in (*USERS, "")}
        (link,) = self.links(listening)
        link.drop()
        self.assertTrue(any(heard.values()))
        self.assertFalse(all(count == MESSAGES for count in heard.values()))
        await until(self.is_caught_up, "the end of the resync", PATIENCE)
        self.all_is_heard()

    async def has_heard_some(self) -> bool:
        return any(isinstance(news, MessageStored) for news in self.news)

    async def test_many_who_log_in_together_get_all_that_they_missed(self) -> None:
        await self.tell_all()
        store = await self.make_store(self.prefix)
        await enter(store, "eve")  # the limit is for connections with subscriptions
        before = self.connections(store)
        works = (store.messages.missed(user_id, None, 1000) for user_id in USERS)
        missed = await gather(works)
        for one in missed:
            messages = list(one.messages)
            while one.later is not None and (page := await one.later.read()):
                messages += page
            self.assertEqual([message.content[:3] for message in messages], ALL)
            self.assertTrue(one.complete)
            self.assertEqual(one.count, MESSAGES)
        self.assertEqual(self.connections(store), before)

    async def test_the_histories_of_one_user_do_not_keep_others_waiting(self) -> None:
        await self.tell_all()
        store = await self.make_store(self.prefix)
        await enter(store, "eve")  # the limit is for connections with subscriptions
        before, done = self.connections(store), list[str]()

        async def ask(reader: str, count: int) -> None:
            session = private_session("ann", reader)
            messages, _ = await store.messages.history(session, reader, None, count)
            self.assertEqual(len(messages), min(count, MESSAGES // 2))
            done.append(reader)

        burst = gather(ask("u0", 100) for _ in range(100))
        works = [burst, ask("u1", 20), store.messages.append(private("u2", "u3"))]
        await gather(works)
        self.assertEqual(self.connections(store), before)
        self.assertLess(done.index("u1"), 20)

    async def test_messages_that_are_larger_than_any_reply_come_one_by_one(self) -> None:
        texts = [letter * 3 * BYTES_PER_REPLY for letter in "abcde"]
        for text in texts:
            await self.sender.messages.append(private("ann", "bob", text))
        await enter(self.sender, "bob")
        before = self.connections(self.sender)
        messages = self.sender.messages
        history, has_more = await messages.history(AB, "bob", None, 4)
        missed = await messages.missed("bob", None, 1000)
        ((line,), _) = await messages.sessions("bob", None, None, 50)
        assert line.last is not None
        self.assertEqual((contents(history), has_more), (texts[1:], True))
        self.assertEqual((contents(missed.messages), line.last.content), (texts, texts[-1]))
        self.assertEqual(self.connections(self.sender), before)


class ClusterReplyBytesTests(ReplyBytesTests):
    """A cluster of one server."""

    skip = RedisTestCase.skip or SKEW_MISSING

    async def setUp(self) -> None:  # type: ignore[override]
        self.server = shared_cluster()
        await self.prepare()

    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.server.port}"
