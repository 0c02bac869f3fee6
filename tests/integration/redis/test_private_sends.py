"""Private messages that share a script, on a real server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hiredis import ReplyError
from twisted.internet.defer import Deferred, DeferredList

from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.storage.interface import Draft
from gim.storage.redis.store.store import RedisStore
from tests.integration.redis.test_faults import FaultCase
from tests.support.redis.settling import settled
from tests.support.storage_behaviour.base import enter, join, messages_of, posted, private


class TogetherTests(FaultCase):
    """Messages of one iteration of the reactor; the store that sends them has users, too."""

    async def calls(self, command: str) -> int:
        """Return how often the server was asked for a command, by scripts as well."""
        stats = (await self.server.do("INFO", "commandstats")).decode()
        for line in stats.splitlines():
            if line.startswith(f"cmdstat_{command}:calls="):
                return int(line.partition("=")[2].partition(",")[0])
        return 0

    async def say(self, store: RedisStore, *drafts: Draft) -> Any:
        return await gather(store.messages.append(draft) for draft in drafts)

    async def all_results(self, drafts: Iterable[Draft]) -> Any:
        """Send all; return for each whether it was stored, and the answer or the failure."""
        sends = [Deferred.fromCoroutine(self.sender.messages.append(draft)) for draft in drafts]
        return await DeferredList(sends, consumeErrors=True)

    async def test_ids_rise_in_the_order_of_sending(self) -> None:
        await join(self.sender, "room", "ann")
        drafts = (
            private("ann", "bob"),
            posted("room", "ann"),
            private("ann", "cat"),
            private("ann", "bob"),
        )
        sent = await self.say(self.sender, *drafts)
        ids = [one.id for one in sent]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertEqual(sent[3].created_at, int(ids[3][:12], 16))

    async def test_nothing_is_published_for_users_of_this_node_only(self) -> None:
        await enter(self.sender, "bob", "Bob")
        await self.say(self.sender, private("ann", "bob", "1"), private("ann", "bob", "2"))
        await settled(self.sender)
        self.assertEqual(self.heard(), [("1", "bob"), ("2", "bob")])
        self.assertEqual(await self.calls("publish"), 0)

    async def test_each_node_of_a_user_gets_each_message_once_and_in_order(self) -> None:
        await gather(enter(self.sender, user_id) for user_id in ("ann", "bob"))
        here = self.listener
        await self.listen("bob")
        numbers = [str(number) for number in range(8)]
        for content in numbers:
            await self.say(self.sender, private("ann", "bob", content), private("bob", "ann", content))
        await gather([settled(self.sender), settled(self.store)])
        twice = [number for number in numbers for _ in range(2)]
        self.assertEqual([content for content, _ in self.heard()], twice)
        self.news = here.news
        for reader in ("ann", "bob"):
            self.assertEqual([content for content, user in self.heard() if user == reader], twice)

    async def test_the_title_is_the_name_by_now(self) -> None:
        await enter(self.sender, "bob", "Bob")
        await self.sender.users.put("ann", "Ann")
        await self.say(self.sender, private("ann", "bob"))
        (news,) = self.news
        self.assertEqual((news.title, news.message.sender.name), ("Ann", "Ann"))

    async def test_an_error_of_one_leaves_the_others_alone(self) -> None:
        await self.server.do("SET", "gim:{s:2:ann:bob}:ids", "x")
        results = await self.all_results(private("ann", receiver) for receiver in ("cat", "bob", "dan"))
        (_, first), (_, broken), (_, last) = results
        self.assertIsInstance(broken.value, ReplyError)
        self.assertLess(first.id, last.id)

    async def test_one_that_comes_too_late_leaves_the_others_alone(self) -> None:
        late, other = private("ann", "bob", "late", answer_by=0.1), private("ann", "bob", "1")
        (_, refused), (_, sent) = await self.all_results([late, other])
        refused.trap(Unavailable)
        stored = await messages_of(self.sender, late.session)
        self.assertEqual([(one.id, one.content) for one in stored], [(sent.id, "1")])

    async def test_what_a_server_refuses_for_now_is_unavailable(self) -> None:
        for name, value in (("maxmemory", 1), ("min-replicas-to-write", 1)):
            _, before = await self.server.do("CONFIG", "GET", name)
            await self.server.do("CONFIG", "SET", name, value)
            results = await self.all_results([private("ann", "bob"), private("bob", "ann")])
            await self.server.do("CONFIG", "SET", name, before)
            for _, refused in results:
                refused.trap(Unavailable)
        await self.say(self.sender, private("ann", "bob"))
