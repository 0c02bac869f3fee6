"""The parent stands still, or is killed."""

from __future__ import annotations

import signal

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import deferLater

from tests.support.multiprocess.processes import runs
from tests.support.multiprocess.server import WorkersTestCase
from tests.support.nodes.account import Account
from tests.support.nodes.cluster_case import PRIVATE, SLACK, eventually
from tests.support.nodes.traffic import start_traffic
from tests.support.redis.environment import HOST

ANSWER = 1.5  # seconds until a request is answered with 503
STILL = 6.5  # seconds for which the parent stands still: more than five pings take
AT_ONCE = 1.0 + SLACK  # seconds from the parent's end to that of its workers


class ParentTests(WorkersTestCase):
    async def test_while_it_stands_still_requests_are_refused_and_afterwards_all_goes_on(self) -> None:
        server = await self.server()
        clients = [await self.at(server, user_id) for user_id in ("ann", "bob", "cid", "dan") * 2]
        for client in clients[:4]:
            await client.ask(301, id="den")
        traffic = start_traffic(clients)
        await traffic.flows()
        workers, began = server.workers, reactor.seconds()
        server.freeze()
        late = Deferred.fromCoroutine(self.at(server, "late"))
        idle = clients[4]
        await idle.ask(105)  # needs no storage
        answer = await idle.attempt(201, type=PRIVATE, target_id="eve", content="refused")
        self.assertEqual(answer.code, 503)
        self.assertGreater(answer.took, ANSWER - 0.1)
        self.assertLess(answer.took, ANSWER + SLACK)
        await deferLater(reactor, max(0.0, began + STILL - reactor.seconds()))
        server.thaw()
        await late
        await traffic.flows()
        await traffic.stop()
        self.assertEqual(server.workers, workers)
        self.assertEqual([client.close_code for client in clients], [None] * len(clients))
        account = Account(self, traffic)
        await account.settle()
        self.assertEqual(account.stored_afterwards(), [])
        sessions = [session["id"] for session in (await idle.ask(205))["items"]]
        self.assertNotIn("2:ann:eve", sessions)

    async def test_when_it_is_killed_no_worker_is_left_and_its_ports_are_free(self) -> None:
        server = await self.server()
        clients = [await self.at(server, f"u{number}") for number in range(4)]
        pids = tuple(server.workers.values())
        server.signal_worker(2, signal.SIGSTOP)
        server.process.signal(signal.SIGKILL)
        await server.process.exited
        for port in server.ws, server.http:
            listening = reactor.listenTCP(port, ServerFactory(), interface=HOST)
            self.addCleanup(listening.stopListening)
        await eventually(lambda: not any(map(runs, pids)), "the end of all workers", AT_ONCE)
        await gatherResults([client.gone for client in clients])
