"""Connections of HTTP that become ones of the gateway in workers: which the parent lets in and counts."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_network
from typing import Any

from gim.net.client_address import Proxies
from gim.workers.hand_over import API, GATEWAY
from tests.support.accepting import LOOPBACK, AcceptingTestCase, Peer, Worker, handshake, until
from tests.support.gateway import make_site


class UpgradingTestCase(AcceptingTestCase):
    def worker(self) -> Worker:
        """Return a worker that has an HTTP API beside the gateway."""
        worker = super().worker()
        gateway = worker.factories[GATEWAY]
        gateway.takes_upgrades = True
        worker.factories[API] = site = make_site(gateway)
        site.connections = ()  # of HTTP: they end with their peers
        worker.listening = [worker.listen(kind, text) for kind, text in self.texts.items()]
        return worker

    async def knock(self, kind: int, *headers: str, tls: bool = False) -> Peer:
        """Return a client that has got the answer to its handshake."""
        peer = self.connect(handshake(*headers, path="/ws"), kind, tls=tls)
        await until(partial(getattr, peer, "status"))
        return peer

    async def statuses(self, *kinds: int, **options: Any) -> list[int]:
        return [(await self.knock(kind, **options)).status for kind in kinds]

    def counts(self) -> list[list[int]]:
        """Return how many connections of each kind the parent counts for each worker."""
        return [list(worker.hand_over.counts) for worker in self.workers]


class TotalTests(UpgradingTestCase):
    limits = {"max_connections": 3}  # read only

    async def test_both_ports_of_all_workers_have_so_many(self) -> None:
        self.begin(api=LOOPBACK)
        self.assertEqual(await self.statuses(API, GATEWAY, API, API, GATEWAY), [101, 101, 101, 503, 503])
        self.assertIn(b"503 too many connections", self.peers[3].received)
        self.assertIn(b"\r\nRetry-After: 5\r\n", self.peers[3].received)
        self.assertEqual(dict(self.hits.counts), {"max-connections": 2})
        self.assertEqual(self.acceptor.connections, 3)
        self.peers[0].transport.loseConnection()
        await until(lambda: self.acceptor.connections == 2)
        self.assertEqual(await self.statuses(API, GATEWAY), [101, 503])
        for peer in self.peers:
            peer.transport.abortConnection()
        await until(lambda: self.counts() == [[0, 0], [0, 0]])
        self.assertEqual(self.acceptor.connections, 0)

    async def test_under_tls_too(self) -> None:
        self.begin(api=f"ssl:0:interface=127.0.0.1:{self.certificate()}")
        self.assertEqual(await self.statuses(*[API] * 4, tls=True), [101] * 3 + [503])

    async def test_a_worker_that_leaves_takes_its_connections_along(self) -> None:
        self.begin(workers=1, api=LOOPBACK)
        self.assertEqual(await self.statuses(API, GATEWAY), [101, 101])
        self.assertEqual((self.counts(), self.acceptor.connections), ([[2, 1]], 2))
        self.acceptor.leave(self.workers[0].hand_over)
        self.assertEqual(self.acceptor.connections, 0)

    async def test_a_request_of_http_is_no_connection_of_the_gateway(self) -> None:
        self.begin(workers=1, api=LOOPBACK)
        peer = self.connect(b"GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n", API)
        await until(lambda: peer.status)
        self.assertEqual((peer.status, self.counts(), self.acceptor.connections), (426, [[0, 1]], 0))

    async def test_an_overloaded_parent_refuses(self) -> None:
        self.begin(workers=1, api=LOOPBACK)
        self.patch(self.acceptor._rules, "_overload", lambda: "max-memory")
        self.assertEqual(await self.statuses(API), [503])
        self.assertIn(b"the server is overloaded", self.peers[0].received)


class AddressTests(UpgradingTestCase):
    limits = {"max_address_connections": 2}  # read only
    proxies = Proxies((ip_network("127.0.0.0/8"),))

    async def test_clients_behind_a_proxy_count_by_their_own_address(self) -> None:
        self.begin(api=LOOPBACK)
        for client in "198.51.100.1", "2001:db8::7":
            for kind, status in (API, 101), (GATEWAY, 101), (API, 429), (GATEWAY, 429):
                peer = await self.knock(kind, f"X-Forwarded-For: {client}")
                self.assertEqual(peer.status, status)
        for peer in self.peers:
            peer.transport.abortConnection()
        await until(lambda: self.counts() == [[0, 0], [0, 0]])
        self.assertEqual((self.acceptor.connections, self.acceptor._rules._counts), (0, {}))
        self.assertEqual([worker.admission._admitted for worker in self.workers], [{}, {}])

    async def test_without_an_answer_it_is_refused_and_a_late_answer_takes_nothing(self) -> None:
        self.begin(workers=1, api=LOOPBACK)
        worker, admission = self.workers[0], self.workers[0].admission
        worker.parent_end.is_stuck = True
        first = handshake("X-Forwarded-For: 198.51.100.1", path="/ws")
        silent, gone = self.connect(first, API), self.connect(first, API)
        await until(lambda: self.acceptor.connections == 2)
        gone.transport.abortConnection()
        await until(lambda: silent.status)
        self.assertEqual(silent.status, 503)
        await until(lambda: self.counts()[0][API] == 0)
        self.assertEqual((self.acceptor.connections, admission._asked), (2, {}))
        worker.parent_end.unstick()
        await until(lambda: self.acceptor.connections == 0)
        self.assertEqual(self.acceptor._rules._counts, {})


class DirectAddressTests(UpgradingTestCase):
    limits = {"max_address_connections": 2}  # read only

    async def test_clients_count_by_the_address_of_their_socket(self) -> None:
        self.begin(api=LOOPBACK)
        self.assertEqual(await self.statuses(GATEWAY, API, API, GATEWAY), [101, 101, 429, 429])
        self.peers[1].transport.loseConnection()
        await until(lambda: self.acceptor.connections == 1)
        self.assertEqual(await self.statuses(API), [101])
