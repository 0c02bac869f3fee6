"""All kinds of endpoints: the parent binds them, workers serve them."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from gim.gateway.transport import DirectServer, buffer_of
from gim.net import endpoints
from gim.net.endpoints import make_endpoint
from gim.net.listening import Listening
from gim.startup import StartupError
from gim.workers.hand_over import API, GATEWAY
from gim.workers.worker_reactor import without_socket
from tests.support.accepting import LOOPBACK, AcceptingTestCase, handshake, reactor, until

PROXY = b"PROXY TCP4 198.51.100.7 127.0.0.1 1000 2000\r\n"


class EndpointTests(AcceptingTestCase):
    async def check(self, text: str, api: str = "", *, tls: bool = False, first: bytes = b"") -> Any:
        """Check that a client of an endpoint is served by a worker; return the server's connection."""
        self.begin(text, workers=1, api=api)
        peer = self.connect(first + handshake(), tls=tls)
        await until(lambda: peer.status)
        self.assertEqual(peer.status, 101)
        if api:
            self.assertEqual((await self.echoed(tls)).received, b"hi")
        (connection,) = self.workers[0].factories[GATEWAY].connections
        return connection

    async def echoed(self, tls: bool) -> Any:
        peer = self.connect(b"hi", API, tls=tls)
        await until(lambda: peer.received)
        return peer

    async def test_tcp(self) -> None:
        connection = await self.check(LOOPBACK, LOOPBACK)
        self.assertEqual(connection.transport.getPeer().host, "127.0.0.1")
        self.assertEqual(connection.transport.getHost().port, self.address()[1])
        self.assertEqual(self.listening[GATEWAY].address, f"127.0.0.1:{self.address()[1]}")

    async def test_tcp_on_ipv6(self) -> None:
        connection = await self.check(r"tcp6:0:interface=\:\:1", r"tcp6:0:interface=\:\:1")
        self.assertEqual(connection.transport.getPeer().host, "::1")
        self.assertEqual(connection.address_group, "::/64")

    async def test_tls(self) -> None:
        words = self.certificate()
        connection = await self.check(
            f"ssl:0:interface=127.0.0.1:{words}", f"ssl:0:interface=127.0.0.1:{words}", tls=True
        )
        self.assertTrue(connection.peer.startswith("tcp4:127.0.0.1:"), connection.peer)

    async def test_tls_with_a_directory_of_certificates(self) -> None:
        if "tls" not in endpoints._endpoint_types():  # an older version of Twisted
            self.assertRaises(ValueError, make_endpoint, "tls:/:0", reactor)
            return
        self.certificate()
        files = Path(self.files.path)
        directory = Path(self.mktemp())
        directory.mkdir()
        pem = files.joinpath("key.pem").read_bytes() + files.joinpath("ca.pem").read_bytes()
        directory.joinpath("localhost.pem").write_bytes(pem)
        await self.check(rf"tls:{directory}:0:interface=\:\:1", tls=True)

    async def test_the_proxy_protocol(self) -> None:
        connection = await self.check("haproxy:" + LOOPBACK, first=PROXY)
        self.assertEqual(connection.peer, "198.51.100.7")
        self.assertEqual(connection.address_group, "198.51.100.7")

    async def test_the_proxy_protocol_under_tls(self) -> None:
        text = f"haproxy:ssl:0:interface=127.0.0.1:{self.certificate()}"
        connection = await self.check(text, first=PROXY, tls=True)
        self.assertEqual(connection.address_group, "198.51.100.7")
        self.assertIsInstance(buffer_of(connection.transport), DirectServer)

    async def test_a_unix_socket_with_its_lock_and_mode(self) -> None:
        path = os.path.relpath(self.mktemp())
        connection = await self.check(f"unix:{path}:mode=600")
        self.assertEqual(connection.address_group, "")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertTrue(os.path.islink(f"{path}.lock"))
        await self.end()
        self.assertFalse(os.path.lexists(path) or os.path.lexists(f"{path}.lock"))

    async def test_a_stale_unix_socket_is_taken_over(self) -> None:
        path = os.path.relpath(self.mktemp())
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        os.symlink("999999999", f"{path}.lock")
        await self.check(f"unix:{path}")

    async def check_adopted(self, listening: socket.socket) -> None:
        """Check a socket as systemd hands it over."""
        listening.listen()
        listening.setblocking(False)
        endpoint = AdoptedStreamServerEndpoint(reactor, listening.detach(), listening.family)
        self.patch(self, "endpoint", lambda text: endpoint)
        await self.check("systemd:domain=INET:index=0")

    async def test_a_tcp_socket_of_systemd(self) -> None:
        listening = socket.socket(socket.AF_INET)
        listening.bind(("127.0.0.1", 0))
        await self.check_adopted(listening)

    async def test_a_unix_socket_of_systemd(self) -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(os.path.relpath(self.mktemp()))
        await self.check_adopted(listening)

    async def test_a_taken_address_is_refused_as_without_workers(self) -> None:
        path = os.path.relpath(self.mktemp())
        self.begin(f"unix:{path}", workers=0, api=LOOPBACK)
        port = self.address(API)[1]
        for text in f"unix:{path}", f"tcp:{port}:interface=127.0.0.1":
            plain = Listening("gateway", make_endpoint(text, reactor), Factory())
            expected = str(self.assertRaises(StartupError, plain.startService))
            refused = self.assertRaises(StartupError, self.listen(GATEWAY, text).startService)
            self.assertEqual(str(refused), expected)
        self.flushLoggedErrors()


class WithoutSocketTests(SynchronousTestCase):
    def test_a_worker_needs_neither_paths_nor_sockets_of_systemd(self) -> None:
        tls = r"ssl:8443:privateKey=/unix\:key.pem"
        for text, expected in (
            ("unix:/run/gim.sock:mode=660", "tcp:0"),
            ("systemd:domain=INET:index=0", "tcp:0"),
            ("haproxy:unix:/run/gim.sock", "haproxy:tcp:0"),
            ("tcp:8080:interface=127.0.0.1", "tcp:8080:interface=127.0.0.1"),
            (tls, tls),
        ):
            self.assertEqual(without_socket(text), expected)
