"""The setups do what they say: sentinels promote, a cluster heals."""

from __future__ import annotations

from hiredis import ReplyError

from tests.support.redis.setups import SetupTestCase


class SentinelTests(SetupTestCase):
    async def test_replicas_have_the_data_and_sentinels_know_the_master(self) -> None:
        setup = await self.sentinels(replicas=2)
        async with setup.master.connected() as connection:
            await connection.call("SET", "k", "v")
            self.assertEqual(await connection.call("WAIT", 2, 10_000), 2)
        self.assertEqual([await replica.do("GET", "k") for replica in setup.replicas], [b"v", b"v"])
        ports = [await sentinel.master_port() for sentinel in setup.sentinels]
        self.assertEqual(ports, [setup.master.port] * 3)
        self.assertRegex(setup.url, r"^redis\+sentinel://(127.0.0.1:\d+,?){3}/mymaster$")

    async def test_a_replica_is_promoted_after_the_master_died(self) -> None:
        setup = await self.sentinels()
        old, (replica,) = setup.master, setup.replicas
        old.kill()
        self.assertIs(await setup.promoted(), replica)
        self.assertEqual((setup.master, setup.replicas), (replica, [old]))
        self.assertEqual(await replica.do("SET", "k", "v"), b"OK")

    async def test_a_replica_is_promoted_after_the_master_and_a_sentinel_froze(self) -> None:
        setup = await self.sentinels()
        replica = setup.replicas[0]
        setup.sentinels[0].freeze()
        setup.master.freeze()
        self.assertIs(await setup.promoted(), replica)


class ClusterTests(SetupTestCase):
    async def test_slots_are_spread_and_writes_to_others_redirected(self) -> None:
        cluster = await self.cluster()
        owner = await cluster.master_of("k")
        self.assertEqual(await owner.do("SET", "k", "v"), b"OK")
        other = next(node for node in cluster.servers if node is not owner)
        with self.assertRaisesRegex(ReplyError, rf"^MOVED \d+ 127.0.0.1:{owner.port}$"):
            await other.do("SET", "k", "v")
        self.assertEqual(len(set((await owner.owners()).values())), 3)
        self.assertRegex(cluster.url, r"^redis\+cluster://(127.0.0.1:\d+,?){6}$")

    async def test_a_replica_takes_over_after_its_master_died(self) -> None:
        cluster = await self.cluster()
        old = await cluster.master_of("k")
        async with old.connected() as connection:
            await connection.call("SET", "k", "v")
            self.assertEqual(await connection.call("WAIT", 1, 10_000), 1)
        old.kill()
        await cluster.healed()
        new = await cluster.master_of("k")
        self.assertIsNot(new, old)
        self.assertEqual(await new.do("GET", "k"), b"v")
        await old.restart()
        await cluster.healed()
        self.assertIs(await cluster.master_of("k"), new)
