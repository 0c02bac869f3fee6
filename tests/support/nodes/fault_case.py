"""Two nodes in the middle of traffic; the second one reaches Redis through a proxy."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.support.nodes.account import Account
from tests.support.nodes.client import Client
from tests.support.nodes.cluster_case import ANSWER, RECOVERY, Node, NodesTestCase
from tests.support.nodes.traffic import start_traffic

QUICK = ("--message-push-duration", "100ms")


class FaultCase(NodesTestCase):
    """Has a Redis that keeps all it acknowledges, nodes ``a`` and ``b``, and ``traffic`` that flows."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.server = await self.durable_redis()
        self.through = self.proxy(self.server)
        url = self.server.url.replace(str(self.server.port), str(self.through.port))
        self.a, self.b = await self.nodes(self.server.url, url, options=QUICK)
        await self.talk(self.a, self.b, "ann", "bob", "cid", "dan")

    async def talk(self, a: Node, b: Node, *names: str, room: str = "den") -> None:
        """Let four users of two nodes begin to talk; the first two are connected to both nodes."""
        ann, bob, cid, dan = names
        places = (a, ann), (b, bob), (b, cid), (a, dan), (b, ann), (a, bob)
        self.all = await self.clients(*places)
        for client in self.all[:4]:
            await client.ask(301, id=room)
        self.traffic = start_traffic(self.all, room)
        await self.traffic.flows()

    async def become(self, status: int, *nodes: Node, patience: float = ANSWER) -> None:
        """Wait until /readyz of all *nodes* says *status*."""
        works = [Deferred.fromCoroutine(node.becomes(status, patience)) for node in nodes]
        await gatherResults(works, consumeErrors=True)

    async def recover(self, *nodes: Node) -> None:
        """See that *nodes* serve soon, now that Redis answers."""
        await self.become(200, *nodes, patience=RECOVERY)

    async def elapse(self, seconds: float, since: float) -> None:
        """Let a fault last for so long."""
        await deferLater(reactor, max(0.0, since + seconds - reactor.seconds()))

    def clients_of(self, *nodes: Node) -> list[Client]:
        ports = [node.ws for node in nodes]
        return [client for client in self.all if client.port in ports]

    async def settle(self, gone: Iterable[Node] = (), answer: float = ANSWER) -> Account:
        """End the traffic and see that all was answered in time, and that every account is right.

        Only connections to the nodes that are *gone* may have been closed.
        """
        await self.traffic.flows()
        await self.traffic.stop()
        closed = [client for client in self.all if client.close_code is not None]
        self.assertEqual(closed, self.clients_of(*gone))
        codes = set().union(*(sender.codes for sender in self.traffic.senders))
        self.assertLessEqual(codes, {0, 503})
        self.assertLess(self.traffic.slowest, answer)
        account = Account(self, self.traffic)
        await account.settle()
        return account
