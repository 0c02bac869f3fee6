"""A dismissal on Redis that its node did not finish."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from gim.concurrency.gather import gather
from gim.errors import Conflict, Forbidden, NotFound
from gim.ids import SYSTEM
from gim.storage.announcements import MemberLeft
from gim.storage.redis.store.store import RedisStore
from tests.integration.redis.test_store import RedisStoreCase
from tests.support.storage_behaviour.base import enter, join, user

MEMBERS = [f"user{number:02}" for number in range(60)]  # three steps


class UnfinishedTests(RedisStoreCase):
    """The list of dismissals outlives the node that began one."""

    async def interrupted(self) -> RedisStore:
        """Return a store that stopped in the middle of a dismissal."""
        store = await self.make_store("gim")
        await gather(store.chatrooms.join("room", user(one), "") for one in MEMBERS)
        dismissing = Deferred.fromCoroutine(store.moderation.dismiss("room", "user00"))
        while await self.server.do("ZCARD", "gim:{s:1:room}:going") in (0, len(MEMBERS)):
            pass
        await store.stop()
        dismissing.addErrback(lambda failure: None)
        await dismissing
        return store

    async def out(self, store: RedisStore) -> None:
        """Return when the dismissal has ended."""
        while True:
            try:
                return await store.chatrooms.create("room", "", None)
            except Conflict:
                await store.ping()

    async def test_the_next_start_finishes_it(self) -> None:
        await self.interrupted()
        self.assertGreater(await self.server.do("ZCARD", "gim:{s:1:room}:going"), 0)
        store = await self.make_store("gim")
        await enter(store, MEMBERS[-1])
        await self.out(store)
        for user_id in MEMBERS:
            self.assertEqual(await store.chatrooms.of_user(user_id), [])
        await self.settle()
        left = MemberLeft(MEMBERS[-1], "room", "dismissed", "user00")
        self.assertEqual([news for news in self.news if isinstance(news, MemberLeft)], [left])
        self.assertEqual(await self.server.do("EXISTS", "gim:{gim}:dismissed"), 0)

    async def test_one_that_was_refused_is_not_on_the_list(self) -> None:
        store = await self.make_store("gim")
        await join(store, "room", "ann", "bob")
        with self.assertRaises(Forbidden):
            await store.moderation.dismiss("room", "bob")
        with self.assertRaises(NotFound):
            await store.moderation.dismiss("none", SYSTEM)
        self.assertEqual(await self.server.do("EXISTS", "gim:{gim}:dismissed"), 0)
