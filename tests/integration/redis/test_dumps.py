"""Dumps of a real Redis, and loading them."""

from __future__ import annotations

import os
import shutil
import time
from tempfile import mkdtemp
from typing import Any

from twisted.internet.task import Clock

from gim.concurrency.clocks import WallClock
from gim.ids import private_session
from gim.model import Role
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store.store import RedisStore
from gim.storage.transfer import redis_client
from gim.storage.transfer.from_redis import NoData
from gim.storage.transfer.reader import BadDump
from gim.storage.transfer.to_redis import Occupied
from tests.integration.redis.test_store import RedisStoreCase
from tests.support.clocks import SettableWallClock
from tests.support.dumps import (
    DAY,
    Dump,
    dump_of_directory,
    dump_of_redis,
    live,
    load_into_directory,
    load_into_redis,
    trimmed,
)
from tests.support.journal.stores import JournalledStore
from tests.support.redis.server import SKEW_MISSING
from tests.support.redis.settling import settled
from tests.support.redis.shared import shared_cluster, shared_server
from tests.support.storage_behaviour.base import (
    AB,
    ROOM,
    contents_of,
    enter,
    line_of,
    listed,
    messages_of,
    private,
    send,
)


class DumpTestCase(RedisStoreCase):
    skip = SKEW_MISSING

    async def setUp(self) -> None:  # type: ignore[override]
        self.server = self.shared()
        self.make_replies_small()
        self.store = await self.make_store("from", sequences=True)
        self.client: Redis = self.store._redis

    def shared(self) -> Any:
        return shared_server()

    async def make_store(self, prefix: str | None = None, **limits: Any) -> RedisStore:
        return await super().make_store(f"{self.id()}:{prefix}", **limits)

    async def dump(self, prefix: str = "from") -> Dump:
        await settled(self.store)
        return await dump_of_redis(self.client, f"{self.id()}:{prefix}")

    async def load(self, dump: Dump, prefix: str = "to", **how: Any) -> bool:
        return await load_into_redis(dump, self.client, f"{self.id()}:{prefix}", **how)


class DumpTests(DumpTestCase):
    """A dump of Redis, loaded below another prefix."""

    async def test_a_loaded_dump_gives_the_same_dump(self) -> None:
        await live(self.store)
        dump = await self.dump()
        self.assertTrue(await self.load(dump))
        again = await self.dump("to")
        self.assertEqual(again.body, dump.body)
        self.assertNotEqual(again.head["epoch"], dump.head["epoch"])

    async def test_a_dump_says_what_happened(self) -> None:
        await live(self.store)
        dump = await self.dump()
        self.assertEqual(
            [(line["content"], line["status"], line["sequence"]) for line in dump.of("message")],
            [("one", 1, 1), ("", 2, 2), ("three", 1, 3), ("hello", 1, 1), ("bye", 1, 2)],
        )
        users = {line["id"]: line for line in dump.of("user")}
        self.assertEqual(users["ann"]["name"], "Ann \u202e\x7f")
        self.assertEqual(users["zoe"]["name"], "zoe")
        self.assertTrue(users["ann"]["online"])
        den = next(line for line in dump.of("chatroom") if line["id"] == "den")
        self.assertEqual((den["owner_id"], den["admins"], den["is_kept"]), ("ann", ["cat", "bob"], True))
        self.assertNotIn("\u202e", dump.text)

    async def test_a_server_on_a_loaded_dump_goes_on_as_before(self) -> None:
        await live(self.store)
        before = await messages_of(self.store, AB), await listed(self.store, "bob")
        unread = (await line_of(self.store, "bob", AB)).unread
        await self.load(await self.dump(), keeps_epoch=True)
        store = await self.make_store("to", sequences=True)
        self.assertEqual((await messages_of(store, AB), await listed(store, "bob")), before)
        self.assertEqual((await line_of(store, "bob", AB)).unread, unread)
        (sent,) = await send(store, private("ann", "bob", "three", request_id="r1"))
        self.assertEqual(sent.id, before[0][-1].id)
        (sent,) = await send(store, private("ann", "bob", "four"))
        self.assertGreater(sent.id, before[0][-1].id)
        self.assertEqual(sent.sequence, 4)
        members, *_ = await store.chatrooms.members("den", "ann", "", 10)
        self.assertEqual(
            [(one.id, one.role) for one in members],
            [("ann", Role.OWNER), ("bob", Role.ADMIN), ("cat", Role.ADMIN)],
        )
        self.assertGreater((await store.moderation.ban_of("zoe")).until, 0)
        self.assertEqual(await contents_of(store, ROOM), ["hello", "bye"])

    async def test_what_was_lost_stays_lost_for_those_who_come_back(self) -> None:
        store = await self.make_store("small", max_session_messages=2)
        await trimmed(store)
        (early,) = await send(store, private("ann", "eve", "early"))
        await self.load(await self.dump("small"))
        loaded = await self.make_store("to", max_session_messages=2)
        missed = await loaded.messages.missed("dan", "0" * 32, 10)
        self.assertFalse(missed.complete)
        self.assertTrue((await loaded.messages.missed("eve", early.id, 10)).complete)
        self.assertEqual(len(await messages_of(loaded, private_session("ann", "dan"))), 2)

    async def test_what_has_no_members_and_messages_expires_as_it_did(self) -> None:
        await live(self.store)
        await self.load(await self.dump())
        for part in "user", "sessions":
            for user_id in "zoe", "bob", "ann":
                was, now = [
                    await self._expires(f"{self.id()}:{prefix}:{{u:{user_id}}}", part)
                    for prefix in ("from", "to")
                ]
                self.assertEqual(was, now, f"{part} of {user_id}")
        for part in "ids", "messages", "recalled", "state", "sequence":
            was, now = [
                await self._expires(f"{self.id()}:{prefix}:{{s:{AB.id}}}", part)
                for prefix in ("from", "to")
            ]
            self.assertEqual(was, now, part)

    async def _expires(self, base: str, part: str) -> int:
        """Return in how many tenths of days a key expires."""
        left = await self.client.call(base, "PTTL", f"{base}:{part}")
        return round(int(left) / DAY * 10)

    async def test_the_same_dump_may_be_loaded_again_and_another_one_not(self) -> None:
        await live(self.store)
        dump, other = await self.dump(), await self.dump()
        self.assertTrue(await self.load(dump))
        self.assertFalse(await self.load(dump))
        with self.assertRaises(Occupied):
            await self.load(other)
        with self.assertRaises(Occupied):
            await self.load(dump, "from")

    async def test_no_server_uses_half_of_a_dump_and_the_rest_can_follow(self) -> None:
        await live(self.store)
        dump = await self.dump()
        half = Dump("".join(line.decode() for line in dump.lines[: len(dump.lines) // 2]))
        with self.assertRaises(BadDump):
            await self.load(half)
        base = f"{self.id()}:to:{{gim}}"
        layout = await self.client.call(base, "HGET", f"{base}:data", "layout")
        self.assertEqual(layout, redis_client.LOADING.encode())
        with self.assertRaises(NoData):
            await self.dump("to")
        with self.assertRaises(Occupied):
            await self.load(await self.dump())
        self.assertTrue(await self.load(dump))
        self.assertEqual((await self.dump("to")).body, dump.body)

    async def test_nothing_below_a_prefix_is_no_dump(self) -> None:
        with self.assertRaises(NoData):
            await self.dump("nowhere")

    async def test_a_stray_key_keeps_a_dump_out(self) -> None:
        base = f"{self.id()}:to:{{u:ann}}"
        await self.client.call(base, "SET", f"{base}:user", "x")
        with self.assertRaises(Occupied):
            await self.load(await self.dump())

    async def test_users_who_were_online_are_reported_offline(self) -> None:
        await live(self.store)
        await self.load(await self.dump())
        store = await self.make_store("to", sequences=True)
        self.assertEqual(await store.webhook_log.users_to_reannounce(10), ["ann"])

    async def test_a_session_of_many_pages_comes_whole(self) -> None:
        await send(self.store, *(private("ann", "bob", str(number)) for number in range(30)))
        await enter(self.store, "ann")
        dump = await self.dump()
        self.assertEqual([line["content"] for line in dump.of("message")], [str(n) for n in range(30)])


class MoveTests(DumpTestCase):
    """From a data directory to Redis and back."""

    def directory(self) -> str:
        parent = mkdtemp()
        self.addCleanup(shutil.rmtree, parent)
        return os.path.join(parent, "data")

    async def clock_of_redis(self) -> WallClock:
        """Return a clock that goes with that of the Redis, which earlier tests have set forward."""
        seconds, micros = await self.client.call("", "TIME")
        wall = SettableWallClock(time.time)
        wall.step(int(seconds) + int(micros) / 1e6 - time.time())
        return wall

    async def lived(self, wall: WallClock) -> Dump:
        """Let a server live with a data directory; return the dump of that."""
        path = self.directory()
        os.mkdir(path)
        process = JournalledStore(path, Clock(), wall)
        await live(process.store)
        process.close()
        return dump_of_directory(path, wall)

    async def test_from_memory_to_redis_and_back(self) -> None:
        wall = await self.clock_of_redis()
        dump = await self.lived(wall)
        await self.load(dump)
        between = await self.dump("to")
        self.assertEqual(between.body, dump.body)
        path = self.directory()
        load_into_directory(between, path)
        self.assertEqual(dump_of_directory(path, wall).body, dump.body)

    async def test_from_redis_to_memory_and_back(self) -> None:
        await live(self.store)
        dump, path = await self.dump(), self.directory()
        load_into_directory(dump, path)
        between = dump_of_directory(path, await self.clock_of_redis())
        self.assertEqual(between.body, dump.body)
        await self.load(between)
        self.assertEqual((await self.dump("to")).body, dump.body)


class ClusterDumpTests(DumpTests):
    """The same on a cluster."""

    def shared(self) -> Any:
        return shared_cluster()
