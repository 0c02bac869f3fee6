"""Cut off and back again on Redis: gim in a child process, real sockets, a Redis whose clock is moved."""

from __future__ import annotations

from itertools import count
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet import reactor
from twisted.internet.defer import DeferredList
from twisted.internet.endpoints import HostnameEndpoint

from tests.support.nodes import client
from tests.support.nodes.cluster_case import Node, NodesTestCase, eventually
from tests.support.recovery import lost_messages
from tests.support.recovery.device import Cut, HungUp
from tests.support.recovery.random_run import RandomRun
from tests.support.redis.environment import HOST, PATIENCE
from tests.support.redis.server import SKEW_MISSING, RedisServer, RedisTestCase
from tests.support.redis.shared import shared_cluster


class SocketLink(Cut, client.Client):  # type: ignore[misc]
    """Implements `tests.support.recovery.device.Link`."""

    async def ask(self, op: int, **body: Any) -> Any:
        try:
            return await super().ask(op, **body)
        except client.HungUp as error:
            raise HungUp from error

    async def cut(self) -> None:
        await self.hang_up()


class SocketCase(NodesTestCase):
    """Lives of devices at a node."""

    node: Node

    def life(self, name: str, seed: int) -> RandomRun:
        return RandomRun(self, name, seed, self.link)

    async def link(self, bytes_left: int | None) -> SocketLink:
        """Connect; return when the handshake is done, or when it was cut."""
        factory: Any = WebSocketClientFactory(f"ws://{HOST}:{self.node.ws}")
        factory.noisy = False
        factory.protocol = type("SocketLink", (SocketLink,), {"bytes_left": bytes_left})
        link: Any = await HostnameEndpoint(reactor, HOST, self.node.ws).connect(factory)
        self.addCleanup(link.hang_up)
        both = DeferredList([link.opened, link.gone], fireOnOneCallback=True)
        await both.addTimeout(PATIENCE, reactor)
        return link


class WholeTests(SocketCase):
    """While nothing is trimmed or expires, nothing is lost and nothing is said to be."""

    async def test_a_device_cut_off_at_random_ends_with_every_private_message_once(self) -> None:
        server = await self.redis()
        (self.node,) = await self.nodes(server.url, options=("--enable-message-sequence",))
        cuts = 0
        for seed in range(2):
            life = self.life(f"ann{seed}", seed)
            await life.begin()
            await life.live(80)
            life.check_all_is_there()
            life.check_sequences()
            cuts += life.device.cuts_while_catching_up
        self.assertGreater(cuts, 3)


class ClusterTests(SocketCase):
    """On a cluster, where messages of several sessions are announced in another order than stored."""

    skip = RedisTestCase.skip or SKEW_MISSING

    _runs = count()  # on the server that all tests share

    async def test_a_device_cut_off_at_random_ends_with_every_private_message_once(self) -> None:
        url = f"redis+cluster://{HOST}:{shared_cluster().port}"
        words = ("--enable-message-sequence", "--redis-prefix", f"recovery{next(self._runs)}")
        (self.node,) = await self.nodes(url, options=words)
        for seed in range(2):
            life = self.life(f"ann{seed}", seed)
            await life.begin()
            await life.live(80)
            life.check_all_is_there()
            life.check_sequences()


class LossTests(SocketCase):
    """Where messages are trimmed and expire all the time, a device is told of each that it lacks."""

    skip = RedisTestCase.skip or SKEW_MISSING
    options = (
        *("--max-session-messages", "40", "--message-ttl", "60"),
        *("--enable-message-sequence", "--heartbeat-interval", "1d"),
    )

    async def test_a_device_cut_off_at_random_is_told_of_every_hole(self) -> None:
        server = await self.redis(skewed=True)
        (self.node,) = await self.nodes(server.url, options=self.options)

        async def time_goes_by() -> None:
            server.advance(40)
            await self.node.becomes(200)

        for seed in range(2):
            life = self.life(f"ann{seed}", seed)
            await life.begin()
            await life.live(80, time_goes_by)
            life.check_sequences()
            self.assertGreater(life.lacking, 0)


class GapTests(SocketCase, lost_messages.LostMessageScenes):
    """The scenes of `tests.support.recovery.lost_messages`."""

    skip = RedisTestCase.skip or SKEW_MISSING

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.server: RedisServer = await self.redis(skewed=True)
        (self.node,) = await self.nodes(self.server.url, options=lost_messages.OPTIONS)

    async def advance(self, seconds: float) -> None:
        self.server.advance(seconds)
        await self.node.becomes(200)

    async def lose_data(self) -> None:
        """Empty Redis, and wait until the node says so to a client."""
        witness = await self.client(self.node, "eve")
        await self.server.do("FLUSHALL")
        await self.node.becomes(200)
        await eventually(lambda: witness.close_code == 3009, "the end of a connection")

    async def test_whatever_was_lost_is_told_of(self) -> None:
        await self.play_all()
