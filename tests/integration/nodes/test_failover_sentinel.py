"""Two nodes that reach Redis through Sentinels, and a master that dies in the middle of traffic."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.python.filepath import FilePath

from gim.storage.redis.client.sentinel import MasterEndpoint
from gim.storage.redis.client.url import Address, read
from tests.support.nodes.failover_case import SentinelCase
from tests.support.redis.environment import HOST
from tests.support.redis.setups import NAME, Sentinel, SetupTestCase, stop_acknowledging


class FailoverTests(SentinelCase):
    """The master changes: more of it is in ``failovers``."""

    async def test_a_master_that_is_killed_is_replaced_and_left_alone_when_it_comes_back(self) -> None:
        self.assertEqual(self.traffic.refused, 0)
        old = self.servers.master
        await stop_acknowledging(old)
        await self.traffic.is_refused()
        old.kill()
        await self.move_over()
        await old.start()  # as a master without data, until the sentinels demote it
        await self.is_left_alone(old)
        await self.settle()


class DisagreementTests(SetupTestCase):
    """Sentinels that name different masters, or none."""

    async def test_the_sentinel_that_knows_of_the_latest_failover_is_believed(self) -> None:
        stale, fresh = [await self.sentinel(port, epoch) for port, epoch in ((7001, 1), (7002, 2))]
        for first, second in ((stale, fresh), (fresh, stale)):
            url = f"redis+sentinel://{HOST}:{first.port},{HOST}:{second.port}/{NAME}"
            master = await MasterEndpoint(read(url), reactor).master()
            self.assertEqual(master, Address(HOST, 7002))

    async def test_a_sentinel_that_does_not_answer_holds_nobody_up(self) -> None:
        silent, well = [await self.sentinel(7001, 1) for _ in range(2)]
        silent.freeze()
        url = f"redis+sentinel://{HOST}:{silent.port},{HOST}:{well.port}/{NAME}"
        began = reactor.seconds()
        master = await MasterEndpoint(read(url), reactor).master()
        self.assertEqual(master, Address(HOST, 7001))
        self.assertLess(reactor.seconds() - began, 1)

    async def sentinel(self, master_port: int, epoch: int) -> Sentinel:
        """Start a sentinel that knows no other one; nobody listens at the port of its master."""
        sentinel = Sentinel(FilePath(self.mktemp()))
        self.addCleanup(sentinel.stop)
        lines = (
            f"port {sentinel.port}",
            f"bind {HOST}",
            f"sentinel monitor {NAME} {HOST} {master_port} 2",
            f"sentinel config-epoch {NAME} {epoch}",
        )
        sentinel.directory.child("sentinel.conf").setContent("\n".join(lines).encode())
        await sentinel.start()
        return sentinel
