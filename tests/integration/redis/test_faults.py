"""The Redis store on one server that goes away, or refuses."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import formatEvent, globalLogPublisher

from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.model import Sent
from gim.storage.announcements import MessageStored
from gim.storage.redis.client import protocol
from gim.storage.redis.client.connect import connect
from gim.storage.redis.client.url import read
from gim.storage.redis.store import resync, store
from gim.storage.redis.store.store import RedisStore
from tests.integration.redis.test_store import RedisStoreCase
from tests.support.redis.environment import until
from tests.support.redis.proxy import Near, Proxy
from tests.support.redis.server import RedisTestCase
from tests.support.redis.settling import settled
from tests.support.settings import redis_store
from tests.support.storage_behaviour.base import AB, RecordingListener, contents_of, enter, private, send

PATIENCE = 5.0  # seconds
PASSWORD = "pa55-w0rd"


class FaultCase(RedisStoreCase):
    """Has a store where users are listened to; what is sent, is sent at another node."""

    skip = RedisTestCase.skip

    async def setUp(self) -> None:  # type: ignore[override]
        self.server = await self.redis()
        self.sender = await self.make_store("gim")

    async def listen(self, *user_ids: str) -> RedisStore:
        """Return a store that listens to these users."""
        listening = await self.make_store("gim")
        await gather(enter(listening, user_id) for user_id in user_ids)
        return listening

    async def tell(self, *contents: str, to: str = "bob") -> list[Sent]:
        return await send(self.sender, *(private("ann", to, content) for content in contents))

    async def cut(self) -> None:
        """End the connection of the store; return when it has another one."""
        redis: Any = self.store._redis
        link = redis._link
        link.drop()
        await until(self.is_up, "another connection")

    async def is_up(self) -> bool:
        return bool(cast(Any, self.store._redis)._link.is_up)

    async def is_caught_up(self) -> bool:
        return all(watch.held is None for watch in self.store._subscriptions)

    def heard(self) -> list[tuple[str, str]]:
        """Return what was announced: content and reader."""
        stored = [news for news in self.news if isinstance(news, MessageStored)]
        return [(news.message.content, news.reader) for news in stored]

    async def online(self) -> list[bytes]:
        """Return the keys of users who are connected to any node."""
        return list(await self.server.do("KEYS", "gim:{u:*:nodes"))

    def with_the_next_resync(self, do: Any) -> None:
        """Call something once, just after the next resync has begun."""
        begin = self.store._resync.begin

        def begun() -> None:
            self.store._resync.begin = begin
            begin()
            do()

        self.store._resync.begin = begun


class ReconnectTests(FaultCase):
    """What was announced while there was no connection, and only that, is made up for."""

    async def test_the_next_connection_goes_while_many_are_looked_up(self) -> None:
        users = [f"u{number}" for number in range(400)]
        listening = await self.listen(*users)
        self.with_the_next_resync(listening._redis._link.drop)  # type: ignore[attr-defined]
        await self.cut()
        await until(self.is_caught_up, "the end of the resync", PATIENCE)
        for user_id in (users[0], users[-1]):
            await self.tell("hi", to=user_id)
        await settled(listening)
        self.assertEqual(self.heard(), [("hi", users[0]), ("hi", users[-1])])

    async def test_a_server_that_refuses_changes_is_read_from_and_caught_up_with_afterwards(
        self,
    ) -> None:
        listening = await self.listen("bob")
        await self.tell("before")
        await self.server.do("CONFIG", "SET", "min-replicas-to-write", 1)
        await self.cut()
        await listening._resync.idle()
        self.assertEqual(await contents_of(listening, AB), ["before"])
        await self.server.do("CONFIG", "SET", "min-replicas-to-write", 0)
        await self.tell("after")
        await until(self.is_caught_up, "the end of the resync", PATIENCE)
        self.assertEqual(self.heard(), [("before", "bob"), ("after", "bob")])

    async def test_one_who_can_not_be_looked_up_is_nothing_to_the_others(self) -> None:
        self.patch(resync, "USERS_AT_A_TIME", 1)
        self.patch(resync, "RETRY_AFTER", 60.0)
        listening = await self.listen("bob", "cid", "dan")
        news = listening._inbox.news

        async def fail_for_some(user_id: str, *words: Any) -> Any:
            if user_id == "bob":
                raise Unavailable("away")
            return 1 / 0 if user_id == "cid" else await news(user_id, *words)

        listening._inbox.news = fail_for_some  # type: ignore[assignment]
        await self.cut()
        await listening._resync.idle()
        held = [watch.user_id for watch in listening._subscriptions if watch.held is not None]
        self.assertEqual(held, ["bob", "cid"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        listening._inbox.news = news
        listening._resync.begin()
        await listening._resync.idle()
        self.assertTrue(await self.is_caught_up())

    async def test_who_leaves_while_others_are_looked_up_is_offline(self) -> None:
        users = [f"u{number}" for number in range(200)]
        listening = await self.listen(*users)
        self.with_the_next_resync(lambda: [listening.users.exit(user_id) for user_id in users])
        await self.cut()
        await settled(listening)
        self.assertEqual(await self.online(), [])

    async def test_more_may_have_left_meanwhile_than_can_be_told_at_once(self) -> None:
        users = [f"u{number}" for number in range(100)]
        listening = await self.listen("bob", *users)
        self.patch(protocol, "MAX_WAITING", 60)
        self.patch(resync, "LEAVING_AT_A_TIME", 20)
        listening._redis._link.drop()  # type: ignore[attr-defined]
        for user_id in users:
            listening.users.exit(user_id)
        await until(self.is_up, "another connection")
        await listening._resync.idle()
        self.assertEqual(await self.online(), [b"gim:{u:bob}:nodes"])
        self.assertTrue(await self.is_caught_up())

    async def test_what_a_login_caught_up_on_is_not_announced(self) -> None:
        await self.listen("bob")
        self.store.users.exit("bob")
        await self.tell("1", "2", "3")
        await enter(self.store, "bob")
        missed = await self.store.messages.missed("bob", None, 1000)
        self.assertEqual(len(missed.messages), 3)
        await self.cut()
        await settled(self.store)
        self.assertEqual(self.heard(), [])

    async def test_what_is_older_than_the_node_is_not_announced(self) -> None:
        await self.tell("old")
        listening = await self.listen("bob")
        await self.cut()
        await settled(listening)
        self.assertEqual(self.heard(), [])

    async def test_an_announcement_that_was_lost_behind_its_reply_is_made_up_for(self) -> None:
        """Redis 7.2 and newer announce to the sending connection after the reply."""
        listening = await self.listen("bob")
        self.patch(listening._redis._link.connection, "_subscriber", None)  # type: ignore[attr-defined]
        await listening.messages.append(private("ann", "bob", "hi"))
        await self.cut()
        await settled(listening)
        self.assertEqual(self.heard(), [("hi", "bob")])


class LateCommandTests(FaultCase):
    """A command is late on a connection that the node has given up."""

    LATE = 2.0  # seconds

    async def setUp(self) -> None:  # type: ignore[override]
        self.server = await self.redis()
        self.proxy = Proxy(self.server.port)
        self.addCleanup(self.proxy.stop)

    def url(self) -> str:
        return f"redis://127.0.0.1:{self.proxy.port}/0"

    async def test_it_undoes_nothing_that_the_next_connection_did(self) -> None:
        listening = await self.make_store("gim")
        await enter(listening, "bob")
        former = [end for end in self.proxy.ends if not isinstance(end, Near)]
        self.proxy.delay(self.LATE)
        listening.users.exit("bob")
        await self.cut_now()
        await enter(listening, "bob")
        await gather(end.gone for end in former)
        self.assertEqual(await self.online(), [b"gim:{u:bob}:nodes"])

    async def cut_now(self) -> None:
        """End the connection with what was sent on it, once the proxy has read that."""
        await until(self.is_read, "the command")
        self.proxy.delay(0)
        await self.cut()

    async def is_read(self) -> bool:
        return any(end._late for end in self.proxy.ends)


class StoppingTests(FaultCase):
    """A store that stops while users are looked up, one at a time."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.patch(resync, "USERS_AT_A_TIME", 1)
        self.listening = await self.listen("bob", "cid")
        self.asked: list[str] = []
        self.answer: Deferred[Any] = Deferred()
        self.listening._inbox.news = self.wait  # type: ignore[assignment]
        await self.cut()

    async def wait(self, user_id: str, *_words: Any) -> Any:
        self.asked.append(user_id)
        return await self.answer

    async def test_it_does_not_wait_for_long(self) -> None:
        self.patch(store, "STOP_TIMEOUT", 0.1)
        await Deferred.fromCoroutine(self.listening.stop()).addTimeout(PATIENCE, reactor)
        self.assertEqual(self.asked, ["bob"])

    async def test_who_was_not_looked_up_yet_is_not_any_more(self) -> None:
        stopping = Deferred.fromCoroutine(self.listening.stop())
        self.answer.callback([])
        await stopping
        self.assertEqual(self.asked, ["bob"])


class SilenceTests(RedisTestCase):
    """What is logged of a refused login."""

    async def test_the_password_is_not_logged_where_hello_is_unknown(self) -> None:
        server = await self.redis("--rename-command", "HELLO", "", password=PASSWORD)
        lines: list[str] = []
        observer = lambda event: lines.append(formatEvent(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)  # type: ignore[arg-type]
        self.addCleanup(globalLogPublisher.removeObserver, observer)  # type: ignore[arg-type]
        refused = redis_store(connect(read(server.url), reactor), reactor)
        starting = Deferred.fromCoroutine(refused.start(RecordingListener()))
        self.addCleanup(lambda: starting)
        self.addCleanup(lambda: Deferred.fromCoroutine(refused.stop()))

        async def said() -> bool:
            return any("HELLO" in line for line in lines)

        await until(said, "a line on HELLO", PATIENCE)
        self.assertNotIn(PASSWORD, "\n".join(lines))
