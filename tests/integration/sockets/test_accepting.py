"""The parent accepts, workers serve: over real sockets, in one process."""

from __future__ import annotations

import errno
import os
import re
import resource
import socket
from functools import partial
from ipaddress import ip_network
from types import SimpleNamespace

from twisted.internet.defer import maybeDeferred

from gim.gateway.accepting import MAX_ACCEPTS
from gim.net.client_address import Proxies
from gim.startup import StartupError
from gim.workers import hand_over, ports
from gim.workers.hand_over import API, GATEWAY
from tests.support.accepting import (
    LOOPBACK,
    AcceptingTestCase,
    Echo,
    EchoFactory,
    Peer,
    handshake,
    until,
)

FRAME = b"\x81\x8c\0\0\0\0"  # a masked text frame of 12 bytes


class HandOverTests(AcceptingTestCase):
    async def echoed(self, peer: Peer) -> None:
        await until(lambda: peer.received == b"hi")

    def allow_files(self, count: int) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(count, hard)), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    async def test_a_thousand_connections_spread_evenly(self) -> None:
        self.allow_files(3000)
        self.begin(workers=4, echo=True)
        self.listening[GATEWAY].accept()
        peers = [self.connect(b"hi") for _ in range(1000)]
        await until(lambda: all(peer.received == b"hi" for peer in peers))
        self.assertEqual([worker.connections() for worker in self.workers], [250] * 4)

    async def test_kinds_are_counted_apart_and_take_turns_where_there_are_as_few(self) -> None:
        self.begin(workers=2, echo=True, api=LOOPBACK)
        for kind in GATEWAY, API, GATEWAY, GATEWAY, API:
            await self.echoed(self.connect(b"hi", kind))
        counts = [sorted(worker.connections(kind) for worker in self.workers) for kind in (GATEWAY, API)]
        self.assertEqual(counts, [[1, 2], [1, 1]])
        self.assertEqual(self.acceptor.connections, 3)

    async def test_the_gateway_writes_at_once_and_the_api_does_not(self) -> None:
        self.begin(workers=1, echo=True, api=LOOPBACK)
        for kind in GATEWAY, API:
            await self.echoed(self.connect(b"hi", kind))
            (connection,) = self.workers[0].factories[kind].connections
            self.assertEqual(connection.transport.free, kind == GATEWAY)
            self.assertIn("Echo #1 on 0", repr(connection.transport))

    async def test_the_gateway_of_a_worker_that_is_not_ready_waits_for_the_others(self) -> None:
        self.begin(workers=2, echo=True, api=LOOPBACK)
        ready, unready = self.workers
        unready.is_ready = False
        for kind in GATEWAY, GATEWAY, API, API:
            await self.echoed(self.connect(b"hi", kind))
        counts = [[worker.connections(kind) for kind in (GATEWAY, API)] for worker in self.workers]
        self.assertEqual(counts, [[2, 1], [0, 1]])
        ready.is_ready = False
        await self.echoed(self.connect(b"hi"))
        self.assertEqual(unready.connections(), 1)

    async def test_connections_that_end_make_room(self) -> None:
        self.begin(workers=2, echo=True)
        first = self.connect(b"hi")
        await self.echoed(first)
        first.transport.loseConnection()
        await until(lambda: self.acceptor.connections == 0)
        self.assertEqual([worker.hand_over.counts for worker in self.workers], [[0, 0]] * 2)

    async def test_a_worker_that_reads_nothing_holds_up_the_others_for_a_moment_only(self) -> None:
        self.begin(workers=1, echo=True)
        stuck = self.worker()
        self.join(stuck)
        peers = [self.connect(b"hi") for _ in range(400)]
        await until(lambda: stuck.hand_over.is_stalled)
        served = self.workers[0]
        await until(lambda: served.connections() + stuck.hand_over.counts[GATEWAY] == 400)
        self.assertLess(stuck.hand_over.counts[GATEWAY], 200)
        stuck.start()
        await until(lambda: all(peer.received == b"hi" for peer in peers))

    async def test_while_all_are_full_it_does_not_accept_and_loses_no_one(self) -> None:
        self.begin(workers=0, echo=True)
        full = self.worker()
        self.join(full)
        peers = [self.connect(b"hi") for _ in range(400)]
        await until(lambda: full.hand_over.is_stalled)
        await until(lambda: self.acceptor._paused)
        self.assertLessEqual(len(self.acceptor._waiting), MAX_ACCEPTS)
        self.assertLess(self.acceptor.connections, 200)
        full.start()
        await until(lambda: all(peer.received == b"hi" for peer in peers))
        self.assertEqual((full.connections(), full.hand_over.is_stalled), (400, False))

    async def test_when_the_kernel_takes_no_more_sockets_it_tries_again(self) -> None:
        self.begin(workers=1, echo=True)
        patch = self.patch(socket, "send_fds", self.refuse)
        peer = self.connect(b"hi")
        await until(lambda: self.acceptor._waiting)
        self.assertTrue(self.workers[0].hand_over.is_full)
        patch.restore()
        await self.echoed(peer)

    def refuse(self, *args: object) -> None:
        raise OSError(errno.ETOOMANYREFS, "too many references")

    async def test_a_socket_that_a_worker_can_not_open_counts_no_more(self) -> None:
        self.begin(workers=1, echo=True)
        self.patch(ports, "receive", self.receive_no_file)
        peer = self.connect(b"hi")
        await until(lambda: peer.is_gone)
        await until(lambda: self.acceptor.connections == 0)

    def receive_no_file(self, end: socket.socket) -> tuple[bytes, list[int]]:
        """Read a message as the kernel delivers it to a process that has all files open."""
        header, files = hand_over.receive(end)
        for file in files:
            os.close(file)
        return header, []

    async def test_a_connection_that_can_not_be_made_is_closed_and_logged(self) -> None:
        self.begin(workers=1, echo=True)
        self.patch(Echo, "connectionMade", lambda protocol: 1 / 0)
        first = self.connect(b"hi")
        await until(lambda: first.is_gone)
        self.patch(EchoFactory, "buildProtocol", lambda factory, address: 1 / 0)
        second = self.connect(b"hi")
        await until(lambda: second.is_gone and self.acceptor.connections == 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    async def test_it_may_stop_before_its_workers(self) -> None:
        self.begin(workers=0, echo=True)
        worker = self.worker()
        self.join(worker)
        peers = [self.connect(b"hi") for _ in range(5)]
        await until(lambda: self.acceptor.connections == 5)
        self.acceptor.stopService()
        await until(lambda: all(peer.is_gone for peer in peers))
        self.acceptor.leave(worker.hand_over)

    async def test_a_port_of_another_kind_ends_the_start_with_one_line(self) -> None:
        self.begin(workers=0, echo=True)
        endpoint = SimpleNamespace(listen=lambda factory: "a pipe")
        self.patch(self, "endpoint", lambda text: endpoint)
        refused = self.assertRaises(StartupError, self.listen(GATEWAY, "").startService)
        self.assertEqual(
            str(refused), "gateway: a pipe accepts no sockets that could be handed over: use one worker"
        )

    async def test_without_workers_clients_wait(self) -> None:
        self.begin(workers=0, echo=True)
        peers = [self.connect(b"hi") for _ in range(40)]
        await until(lambda: self.acceptor._paused)
        self.start(self.worker())
        await until(lambda: all(peer.received == b"hi" for peer in peers))

    async def test_what_a_dead_worker_has_not_read_goes_to_others(self) -> None:
        self.limits = {"max_address_connections": 1000}
        self.begin(workers=1, echo=True)
        dead = self.worker()
        self.join(dead)
        peers = [self.connect(b"hi") for _ in range(20)]
        await until(lambda: dead.hand_over.counts[GATEWAY] == 10)
        self.acceptor.leave(dead.hand_over)
        await until(lambda: all(peer.received == b"hi" for peer in peers))
        self.assertEqual((self.workers[0].connections(), self.acceptor.connections), (20, 20))
        self.assertEqual(self.acceptor._rules._counts, {"127.0.0.1": 20})

    async def test_the_connections_of_a_dead_worker_count_no_more(self) -> None:
        self.limits = {"max_connections": 2, "max_address_connections": 2}
        self.begin(workers=2)
        for _ in range(2):
            peer = self.connect(handshake())
            await until(partial(getattr, peer, "status"))
        dead = self.workers[0]
        self.acceptor.leave(dead.hand_over)
        self.assertEqual(self.acceptor.connections, 1)
        last = self.connect(handshake())
        await until(lambda: last.status == 101)
        self.assertEqual(self.workers[1].connections(), 2)

    async def test_a_worker_that_stops_listening_serves_what_it_was_handed_before(self) -> None:
        self.begin(workers=0, echo=True)
        worker = self.worker()
        for listening in worker.listening:
            listening.startService()
        self.join(worker)
        peers = [self.connect(b"hi") for _ in range(40)]
        await until(lambda: worker.hand_over.counts[GATEWAY] == 40)
        worker.ports.startService()
        await maybeDeferred(worker.listening[0].stopService)  # before the reactor has read anything
        await until(lambda: all(peer.received == b"hi" for peer in peers))
        late = self.connect(b"hi")
        await until(lambda: late.is_gone)
        await until(lambda: self.acceptor.connections == 40)

    async def test_a_worker_may_let_connections_wait(self) -> None:
        self.begin(workers=1, echo=True)
        self.workers[0].ports._ports[GATEWAY].stopReading()
        peer = self.connect(b"hi")
        await until(lambda: self.workers[0].ports._ports[GATEWAY]._held)
        self.workers[0].listening[0].accept()
        await self.echoed(peer)


class LimitTests(AcceptingTestCase):
    limits = {"max_connections": 3}  # read only

    async def statuses(self, count: int, tls: bool = False) -> list[int]:
        found = []
        for _ in range(count):
            peer = self.connect(handshake(), tls=tls)
            await until(partial(getattr, peer, "status"))
            found.append(peer.status)
        return found

    async def test_all_workers_together_have_so_many(self) -> None:
        self.begin()
        self.assertEqual(await self.statuses(6), [101] * 3 + [503] * 3)
        refused = self.peers[-1]
        self.assertIn(b"\r\nRetry-After: 5\r\n", refused.received)
        await until(lambda: refused.is_gone)
        self.assertEqual(dict(self.hits.counts), {"max-connections": 3})
        self.peers[0].transport.loseConnection()
        await until(lambda: self.acceptor.connections == 2)
        self.assertEqual(await self.statuses(2), [101, 503])

    async def test_refused_ones_are_told_so_under_tls_too(self) -> None:
        self.begin(f"ssl:0:interface=127.0.0.1:{self.certificate()}")
        self.assertEqual(await self.statuses(5, tls=True), [101] * 3 + [503] * 2)
        self.assertIn(b"\r\nRetry-After: 5\r\n", self.peers[-1].received)

    async def test_a_worker_that_is_overloaded_refuses_by_itself(self) -> None:
        self.begin(workers=1)
        self.patch(self.workers[0].admission._rules, "_overload", lambda: "max-memory")
        self.assertEqual(await self.statuses(1), [503])
        self.assertIn(b"the server is overloaded", self.peers[0].received)
        await until(lambda: self.acceptor.connections == 0)


class AddressLimitTests(AcceptingTestCase):
    limits = {"max_address_connections": 3}  # read only

    async def test_all_workers_together_have_so_many_of_an_address(self) -> None:
        self.begin()
        for status in 101, 101, 101, 429, 429:
            peer = self.connect(handshake())
            await until(partial(getattr, peer, "status"))
            self.assertEqual(peer.status, status)
        self.assertIn(b"\r\nRetry-After: 5\r\n", peer.received)
        for peer in self.peers:
            peer.transport.abortConnection()
        await until(lambda: self.acceptor.connections == 0)
        self.assertEqual(self.acceptor._rules._counts, {})


class ProxyTests(AcceptingTestCase):
    limits = {"max_address_connections": 2}  # read only
    proxies = Proxies((ip_network("127.0.0.0/8"),))

    def knock(self, client: str = "198.51.100.1", rest: bytes = b"") -> Peer:
        return self.connect(handshake(f"X-Forwarded-For: {client}") + rest)

    async def test_clients_behind_a_proxy_count_by_their_own_address(self) -> None:
        self.begin()
        for client in "198.51.100.1", "2001:db8::7":
            for status in 101, 101, 429:
                peer = self.knock(client)
                await until(partial(getattr, peer, "status"))
                self.assertEqual(peer.status, status)
                self.assertIn(b"\r\nRetry-After: 5\r\n" * (status == 429), peer.received)
        self.assertEqual(dict(self.hits.counts), {"max-address-connections": 2})
        for peer in self.peers:
            peer.transport.abortConnection()
        await until(lambda: not self.acceptor._rules._counts)
        self.assertEqual([worker.admission._admitted for worker in self.workers], [{}, {}])

    async def test_bytes_behind_the_handshake_are_served_in_order(self) -> None:
        self.begin(workers=1)
        self.workers[0].parent_end.is_stuck = True  # the answer comes when the test lets it
        packets = [FRAME + b'{"seq":1%d}  ' % digit for digit in range(9)]
        peer = self.knock(rest=b"".join(packets[:4]))
        admission = self.workers[0].admission
        await until(lambda: admission._asked)
        (connection,) = self.workers[0].factories[GATEWAY].connections
        connection.dataReceived(b"".join(packets[4:6]))  # as TLS does, which has read ahead
        peer.transport.write(b"".join(packets[6:]))
        self.assertEqual(peer.received, b"")
        self.workers[0].parent_end.unstick()
        await until(lambda: peer.received.count(b"seq") == 9)
        self.assertEqual(re.findall(rb'"seq":1(\d)', peer.received), [b"%d" % each for each in range(9)])
        self.assertEqual(peer.status, 101)

    async def test_without_an_answer_it_is_refused_and_a_late_answer_takes_nothing(self) -> None:
        self.begin(workers=1)
        worker, admission = self.workers[0], self.workers[0].admission
        worker.parent_end.is_stuck = True
        silent, gone = self.knock(), self.knock()
        await until(lambda: len(self.acceptor._rules._counts) and self.count() == 2)
        gone.transport.abortConnection()
        await until(lambda: silent.status)
        self.assertEqual(silent.status, 503)
        await until(lambda: self.acceptor.connections == 0)
        self.assertEqual((self.count(), admission._asked), (2, {}))
        worker.parent_end.unstick()
        await until(lambda: self.count() == 0)

    def count(self) -> int:
        return self.acceptor._rules._counts["198.51.100.1"]
