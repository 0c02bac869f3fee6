"""Who was announced online, where nodes die, hang and come back: on a server and on a cluster."""

from __future__ import annotations

from collections.abc import Awaitable
from itertools import chain
from typing import Any

from twisted.internet.defer import Deferred, fail

from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.storage.redis.store import scripts
from gim.storage.redis.store.heartbeat import LEASE_MS
from gim.storage.redis.store.store import RedisStore
from tests.integration.redis.test_store import RedisStoreCase
from tests.support.redis.server import SKEW_MISSING, RedisTestCase
from tests.support.redis.settling import settled
from tests.support.redis.shared import shared_cluster
from tests.support.storage_behaviour.base import enter


class TwoStores(RedisStoreCase):
    """Two nodes, a and b, that beat only when they are told to."""

    skip = RedisTestCase.skip or SKEW_MISSING

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.a, self.b = [await self.node() for _ in range(2)]
        await self.both_beat()

    async def node(self) -> RedisStore:
        store = await self.make_store(f"{self.id()}{id(self)}")
        store.heartbeat.stopService()
        await store.webhook_log.users_to_reannounce(0)
        return store

    async def both_beat(self) -> None:
        for _ in range(2):
            for store in self.a, self.b:
                await store.heartbeat.beat()

    async def come(self, store: RedisStore, *user_ids: str) -> None:
        """Let users connect and be announced."""
        for user_id in user_ids:
            await enter(store, user_id)
            await store.webhook_log.next_event_number(user_id, True, f"{user_id} came")

    async def lapse(self, *others: RedisStore) -> None:
        """Let the lease of all but *others* run out."""
        for _ in range(2):  # or they would take it for an outage of the server
            self.server.advance(LEASE_MS / 2000 + 1)
            for store in others:
                await store.heartbeat.beat()

    async def users_to_reannounce(self, store: RedisStore, limit: int = 100) -> list[str]:
        return sorted(await store.webhook_log.users_to_reannounce(limit))

    async def key(self, store: RedisStore, *words: str, name: str) -> list[str]:
        base = store.data_base
        found = await store._redis.call(base, *words, f"{base}:{name}")
        return sorted(one.decode() for one in found)

    async def keys_left(self) -> list[str]:
        """Return the names of the keys that say who is where."""
        base = self.a.data_base
        found = await self.a._redis.call(base, "KEYS", "*")
        mine = [key.decode() for key in found if key.startswith(base.encode())]
        return sorted(key for key in mine if "present" in key or "orphans" in key)


class EventsOfTwoNodes(TwoStores):
    """One node tells, whatever happens."""

    async def test_who_is_connected_to_both_came_once_and_goes_with_the_last(self) -> None:
        await enter(self.a, "ann")
        await enter(self.b, "ann")
        came = await gather(
            store.webhook_log.next_event_number("ann", True, f"came {n}")
            for n, store in enumerate((self.a, self.b))
        )
        self.assertEqual([number is None for number in came].count(True), 1)
        for n, (store, is_last) in enumerate(((self.a, False), (self.b, True))):
            store.users.exit("ann")
            number = await store.webhook_log.next_event_number("ann", False, f"went {n}")
            self.assertEqual(number is not None, is_last)
        self.assertEqual(await self.keys_left(), [])

    async def test_numbers_are_those_of_both_nodes(self) -> None:
        numbers = [
            await store.webhook_log.next_event_number("ann") for store in (self.a, self.b, self.b, self.a)
        ]
        assert numbers[0] is not None
        self.assertEqual(numbers, [numbers[0] + more for more in range(4)])

    async def test_a_call_that_may_have_been_done_can_be_repeated(self) -> None:
        await enter(self.a, "ann")
        for online in (True, False):
            first = await self.a.webhook_log.next_event_number("ann", online, "one event")
            again = await self.a.webhook_log.next_event_number("ann", online, "one event")
            assert first is not None and again is not None
            self.assertGreater(again, first)
            self.assertIsNone(await self.a.webhook_log.next_event_number("ann", online, "another"))
            self.a.users.exit("ann")

    async def test_users_of_a_dead_node_are_taken_over_once_in_portions(self) -> None:
        users = [f"user{number}" for number in range(10)]
        await self.come(self.a, *users)
        c = await self.node()
        self.assertEqual(await self.users_to_reannounce(self.b), [], "it lives")
        await self.lapse(self.b, c)
        found = [await self.users_to_reannounce(store, 4) for store in (self.b, c, self.b, c)]
        self.assertEqual([len(some) for some in found], [4, 4, 2, 0])
        self.assertEqual(sorted(chain(*found)), sorted(users))
        for store, some in zip((self.b, c, self.b, c), found, strict=True):
            for user_id in some:
                self.assertIsNotNone(
                    await store.webhook_log.next_event_number(user_id, False, f"{user_id} went")
                )
        self.assertEqual(await self.keys_left(), [])

    async def test_who_takes_over_and_dies_is_taken_over_itself(self) -> None:
        await self.come(self.a, "ann")
        await self.lapse(self.b)
        self.assertEqual(await self.users_to_reannounce(self.b), ["ann"])
        c = await self.node()
        await self.lapse(c)
        self.assertEqual(await self.users_to_reannounce(c), ["ann"])

    async def test_a_node_that_resigned_is_gone_at_once(self) -> None:
        await self.come(self.a, "ann", "bob")
        await self.come(self.b, "bob")
        await self.a.stop()
        self.assertEqual(await self.users_to_reannounce(self.b), ["ann", "bob"])
        self.assertIsNone(await self.b.webhook_log.next_event_number("bob", False, "went"))
        self.assertIsNotNone(await self.b.webhook_log.next_event_number("ann", False, "went"))
        self.assertEqual(
            await self.key(self.b, "SMEMBERS", name=f"present:{self.b.heartbeat.node}"), ["bob"]
        )

    async def test_a_node_that_is_cut_off_while_it_resigns_leaves_nothing_behind(self) -> None:
        redis, calls = self.a.heartbeat._redis, list[str]()

        class CutOff:
            """Carries one command."""

            def call(self, *words: Any) -> Awaitable[Any]:
                calls.append(words[1])
                return redis.call(*words) if len(calls) == 1 else fail(Unavailable("cut off"))

        self.patch(self.a.heartbeat, "_redis", CutOff())
        await self.assertFailure(Deferred.fromCoroutine(self.a.heartbeat.resign()), Unavailable)
        self.assertEqual(len(calls), 2)
        await self.lapse(self.b)
        self.assertEqual(await self.key(self.b, "HKEYS", name="counts"), [self.b.heartbeat.node])

    async def test_when_all_nodes_were_gone_the_next_one_takes_over(self) -> None:
        await self.come(self.a, "ann")
        await self.come(self.b, "bob")
        await self.lapse()
        c = await self.node()
        await c.heartbeat.beat()
        self.assertEqual(await self.users_to_reannounce(c), ["ann", "bob"])

    async def test_a_node_that_was_taken_for_gone_tells_of_its_own_in_portions(self) -> None:
        users = [f"user{number}" for number in range(5)]
        await self.come(self.a, *users)
        await self.lapse(self.b)
        for user_id in await self.users_to_reannounce(self.b):
            await self.b.webhook_log.next_event_number(user_id, False, f"{user_id} went")
        await self.a.heartbeat.beat()
        portions = [await self.users_to_reannounce(self.a, 2) for _ in range(4)]
        self.assertEqual([len(portion) for portion in portions], [2, 2, 1, 0])
        self.assertEqual(sorted(chain(*portions)), users)
        numbers = [
            await self.a.webhook_log.next_event_number(user_id, True, f"{user_id} again")
            for user_id in users
        ]
        self.assertNotIn(None, numbers)

    async def test_after_an_outage_nobody_is_taken_for_gone_before_they_could_beat(self) -> None:
        await self.come(self.a, "ann", "bob")
        await self.come(self.b, "bob")
        self.server.advance(LEASE_MS / 1000 + 1)
        await self.b.heartbeat.beat()
        self.assertEqual(await self.users_to_reannounce(self.b), [])
        self.b.users.exit("bob")
        asking = Deferred.fromCoroutine(self.b.webhook_log.next_event_number("bob", False, "went"))
        await self.assertFailure(asking, Unavailable)
        for _ in range(2):
            self.server.advance(LEASE_MS / 2000 + 1)
            await self.both_beat()
        self.assertIsNone(await self.b.webhook_log.next_event_number("bob", False, "went"))
        self.assertEqual(await self.users_to_reannounce(self.b), [])
        self.assertEqual(await self.users_to_reannounce(self.a), [])

    async def test_a_clock_of_the_server_that_is_put_right_keeps_no_dead_node_alive(self) -> None:
        await self.come(self.a, "ann")
        self.server.advance(31 * 86_400)
        await self.both_beat()
        self.server.advance(-31 * 86_400)
        await self.b.heartbeat.beat()
        self.assertEqual(await self.users_to_reannounce(self.b), [])
        await self.lapse(self.b)
        self.assertEqual(await self.users_to_reannounce(self.b), ["ann"])

    async def test_who_dies_twice_before_all_are_taken_over_loses_nobody(self) -> None:
        await self.come(self.a, "ann", "bob")
        await self.lapse(self.b)
        first = await self.users_to_reannounce(self.b, 1)
        await self.a.heartbeat.beat()
        await self.users_to_reannounce(self.a)
        await self.come(self.a, "cat")
        await self.lapse(self.b)
        found = [await self.users_to_reannounce(self.b, 1) for _ in range(4)]
        self.assertEqual(sorted(chain(first, *found)), ["ann", "bob", "cat"])

    async def test_who_connects_while_another_node_asks_is_not_told_to_be_gone(self) -> None:
        await self.come(self.a, "ann")
        self.a.users.exit("ann")
        went, _ = await gather(
            [self.a.webhook_log.next_event_number("ann", False, "went"), enter(self.b, "ann")]
        )
        came = await self.b.webhook_log.next_event_number("ann", True, "came")
        self.assertEqual(went is None, came is None, "both, in this order, or none")
        if went is not None and came is not None:
            self.assertGreater(came, went)

    async def test_who_connects_here_again_while_it_asks_is_not_told_to_be_gone(self) -> None:
        await self.come(self.a, "ann")
        self.a.users.exit("ann")
        went, _ = await gather(
            [self.a.webhook_log.next_event_number("ann", False, "went"), enter(self.a, "ann")]
        )
        self.assertIsNone(went)
        self.assertIsNone(await self.a.webhook_log.next_event_number("ann", True, "came"))
        self.assertEqual(
            await self.key(self.a, "SMEMBERS", name=f"present:{self.a.heartbeat.node}"), ["ann"]
        )

    async def test_a_node_that_dies_before_it_ever_looked_is_taken_over_too(self) -> None:
        c = await self.make_store(f"{self.id()}{id(self)}")
        await self.come(c, "ann")
        await c.stop()
        self.assertEqual(await self.users_to_reannounce(self.b), ["ann"])

    async def test_without_redis_it_is_unavailable(self) -> None:
        await self.a.stop()
        for work in (
            self.a.webhook_log.next_event_number("ann"),
            self.a.webhook_log.next_event_number("ann", True, "x"),
            self.a.webhook_log.users_to_reannounce(1),
        ):
            await self.assertFailure(Deferred.fromCoroutine(work), Unavailable)

    async def test_nothing_is_kept_for_nobody(self) -> None:
        await self.come(self.a, "ann")
        self.a.users.exit("ann")
        await self.a.webhook_log.next_event_number("ann", False, "went")
        await settled(self.a)
        self.assertEqual(await self.keys_left(), [])
        ttl = await self.a._redis.call(
            self.a._keys.user("ann"), "PTTL", f"{self.a._keys.user('ann')}:user"
        )
        self.assertGreater(ttl, 0)

    async def test_a_server_that_forgot_its_scripts_is_told_them(self) -> None:
        await self.a._redis.call(self.a.data_base, "SCRIPT", "FLUSH")
        self.assertIsNotNone(await self.a.webhook_log.next_event_number("ann"))
        self.assertIn(scripts.EVENT, scripts.ALL)


class EventsOfTwoClusterNodes(EventsOfTwoNodes):
    """The same on a cluster, where users and nodes have slots of their own."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.server = shared_cluster()
        self.a, self.b = [await self.node() for _ in range(2)]
        await self.both_beat()

    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.server.port}"
