"""Profiling over HTTP: access, refusals, and that profiling ends when no client waits for it."""

from __future__ import annotations

import os
import signal
import tracemalloc
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from gim.profiling import heap
from gim.profiling.profile import Profile
from tests.support.pprof_reader import read
from tests.unit.api.test_http import ApiTestCase

KEY = "a-key-for-these-tests"
LOOPBACK = IPv4Address("TCP", "127.0.0.1", 3)
ELSEWHERE = IPv4Address("TCP", "192.0.2.1", 9)
METHODS = ("GET", "PUT", "DELETE")
PATHS = ("/debug/pprof/", "/debug/pprof/profile", "/debug/pprof/heap")


class OffTests(ApiTestCase):
    def test_there_is_nothing_by_default(self) -> None:
        for path in PATHS:
            for method in METHODS:
                self.assertEqual(self.ask_http(method, path)["code"], 404, path)


class ProfilingTestCase(ApiTestCase):
    options = ("--profiling",)

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(tracemalloc.stop)
        self.addCleanup(signal.setitimer, signal.ITIMER_PROF, 0)

    def is_sampling(self) -> bool:
        return signal.getitimer(signal.ITIMER_PROF) != (0.0, 0.0)

    def begin(self, path: str, peer: Any = LOOPBACK, headers: str = "") -> None:
        """Send a request that may take a while; its answer goes to the transport."""
        self.transport = StringTransport(peerAddress=peer)
        self.transport.abortConnection = self.transport.loseConnection
        self.channel = self.api.buildProtocol(None)
        self.channel.makeConnection(self.transport)
        self.channel.dataReceived(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())

    def answered(self) -> tuple[int, bytes]:
        head, _, body = self.transport.value().partition(b"\r\n\r\n")
        return int(head.split()[1]), body


class CpuTests(ProfilingTestCase):
    def test_a_profile_comes_after_the_seconds_asked_for(self) -> None:
        self.begin("/debug/pprof/profile?seconds=2")
        signal.raise_signal(signal.SIGPROF)
        self.clock.advance(1.9)
        self.assertEqual(self.transport.value(), b"")
        self.clock.advance(0.1)
        status, body = self.answered()
        self.assertEqual(status, 200)
        self.assertIn(b"Content-Type: application/octet-stream", self.transport.value())
        found = read(body)
        self.assertEqual(found.kinds, [("samples", "count"), ("cpu", "nanoseconds")])
        names = {place[0] for stack in found.samples for place in stack}
        self.assertTrue(any(self._testMethodName in name for name in names), names)

    def test_without_a_time_it_takes_30_s(self) -> None:
        self.begin("/debug/pprof/profile?format=folded")
        signal.raise_signal(signal.SIGPROF)
        self.clock.advance(29)
        self.assertEqual(self.transport.value(), b"")
        self.clock.advance(1)
        self.assertRegex(self.answered()[1], rb"(?m)^\S.*;.* \d+$")
        self.assertIn(b"Content-Type: text/plain; charset=utf-8", self.transport.value())

    def test_one_at_a_time(self) -> None:
        self.begin("/debug/pprof/profile?seconds=20")
        envelope = self.ask_http("GET", "/debug/pprof/profile?seconds=1")
        self.assertEqual((envelope["code"], envelope["msg"][-4:]), (409, "20 s"))

    def test_times_are_bounded_and_formats_known(self) -> None:
        for query in "seconds=0", "seconds=301", "seconds=nan", "seconds=inf", "seconds=x", "format=svg":
            envelope = self.ask_http("GET", f"/debug/pprof/profile?{query}")
            self.assertEqual(envelope["code"], 400, query)
            self.assertTrue(envelope["msg"].startswith(query.partition("=")[0]), envelope)
        self.assertFalse(self.is_sampling())

    def test_the_only_process_is_worker_1_and_its_own_parent(self) -> None:
        for worker in 0, 1:
            self.begin(f"/debug/pprof/profile?seconds=2&worker={worker}")
            self.assertTrue(self.is_sampling())
            self.clock.advance(2)
            self.assertEqual(self.answered()[0], 200)
        for wrong, code in ("2", 404), ("-1", 400), ("x", 400):
            for method, path in ("GET", PATHS[1]), *((method, PATHS[2]) for method in METHODS):
                envelope = self.ask_http(method, f"{path}?worker={wrong}")
                self.assertEqual((envelope["code"], envelope["msg"].partition(":")[0]), (code, "worker"))
        self.assertFalse(self.is_sampling() or tracemalloc.is_tracing())

    def test_a_client_that_hangs_up_ends_it(self) -> None:
        self.begin("/debug/pprof/profile?seconds=20")
        self.assertTrue(self.is_sampling())
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(self.is_sampling())

    def test_a_daemon_that_stops_sends_what_there_is(self) -> None:
        self.begin("/debug/pprof/profile?seconds=20")
        self.daemon.getServiceNamed("profiler").stopService()
        self.assertFalse(self.is_sampling())
        self.assertEqual(self.answered()[0], 200)


class HeapTests(ProfilingTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(heap, "BLOCKS_PER_TURN", 10**9)

    def test_start_read_and_stop(self) -> None:
        self.assertEqual(self.ask_http("GET", "/debug/pprof/heap")["code"], 409)
        self.http("PUT", "/debug/pprof/heap?seconds=60&frames=3")
        self.assertEqual(self.ask_http("PUT", "/debug/pprof/heap")["code"], 409)
        self.token("ann")
        self.begin("/debug/pprof/heap")
        self.clock.advance(0)
        found = read(self.answered()[1])
        self.assertEqual(found.kinds, [("inuse_objects", "count"), ("inuse_space", "bytes")])
        self.assertTrue(any("gim/" in stack[0][1] for stack in found.samples))
        self.assertLessEqual(max(map(len, found.samples)), 3)
        self.http("DELETE", "/debug/pprof/heap")
        self.assertFalse(tracemalloc.is_tracing())
        self.assertEqual(self.ask_http("GET", "/debug/pprof/heap")["code"], 409)

    def test_it_ends_after_the_time_asked_for(self) -> None:
        self.http("PUT", "/debug/pprof/heap?seconds=60")
        self.clock.advance(60)
        self.assertFalse(tracemalloc.is_tracing())

    def test_folded(self) -> None:
        async def nothing(clock: object, began_ms: int) -> Profile:
            return Profile(heap.KINDS, {})

        self.patch(heap, "traced", nothing)
        self.http("PUT", "/debug/pprof/heap")
        response = self.request("GET", "/debug/pprof/heap?format=folded")
        self.assertEqual(
            (response.body, response.headers["content-type"]), (b"", "text/plain; charset=utf-8")
        )

    def test_the_index_says_what_there_is(self) -> None:
        for path in "/debug/pprof/", "/debug/pprof":
            page = self.request("GET", path).body.decode()
            self.assertIn("/debug/pprof/profile?seconds=30", page)
            self.assertIn("is not being traced", page)
        self.http("PUT", "/debug/pprof/heap")
        self.assertIn("is being traced", self.request("GET", "/debug/pprof/").body.decode())


class PeerTests(ProfilingTestCase):
    def status_for(self, peer: Any) -> int:
        self.begin("/debug/pprof/", peer)
        return self.answered()[0]

    def test_this_machine_may(self) -> None:
        for peer in (
            IPv4Address("TCP", "127.0.0.1", 9),
            IPv4Address("TCP", "127.3.2.1", 9),
            IPv6Address("TCP", "::1", 9),
            IPv6Address("TCP", "::ffff:127.0.0.1", 9),
            UNIXAddress(None),
        ):
            self.assertEqual(self.status_for(peer), 200, peer)

    def test_no_other_may(self) -> None:
        for peer in (
            ELSEWHERE,
            IPv6Address("TCP", "2001:db8::1", 9),
            IPv6Address("TCP", "::ffff:192.0.2.1", 9),
            object(),
        ):
            self.assertEqual(self.status_for(peer), 403, peer)

    def test_nor_who_comes_through_a_proxy_on_this_machine(self) -> None:
        for header in "Forwarded", "Via", "X_Forwarded_For", "X_Real_IP":
            for path in PATHS:
                envelope = self.request("GET", path, **{header: "for=192.0.2.1"}).envelope  # type: ignore[arg-type]
                self.assertEqual(envelope["code"], 403, header)
                self.assertIn(header.lower().replace("_", "-"), envelope["msg"])
        for method in "PUT", "DELETE":
            self.assertEqual(self.request(method, PATHS[2], Via="x").envelope["code"], 403)
        self.assertFalse(tracemalloc.is_tracing())


class KeyTests(ProfilingTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", os.environ | {"GIM_ADMIN_KEY": KEY})
        super().setUp()

    def status_for(self, peer: Any, key: str, header: str = "X-Other: 1") -> int:
        self.begin("/debug/pprof/", peer, f"X-API-Key: {key}\r\n{header}\r\n")
        return self.answered()[0]

    def test_the_key_of_the_administrator_opens_it_from_anywhere(self) -> None:
        self.assertEqual(self.status_for(ELSEWHERE, KEY), 200)
        self.assertEqual(self.status_for(LOOPBACK, KEY, "Via: x"), 200)

    def test_another_key_does_not(self) -> None:
        for key in ("", KEY[:-1], KEY + "x", KEY.upper()):
            self.assertEqual(self.status_for(ELSEWHERE, key), 403, key)
            self.assertEqual(self.status_for(LOOPBACK, key), 200, key)
