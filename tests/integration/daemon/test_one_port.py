"""The gateway at /ws of the HTTP address of a real daemon: behind every kind of endpoint, to the end."""

from __future__ import annotations

import os
import re
import signal
import socket
import tempfile
from typing import Any

import treq
from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.internet.threads import deferToThread
from twisted.python.filepath import FilePath

from tests.support.daemon_process import PATIENCE, Client, DaemonTestCase, Process
from tests.support.over_http import request
from tests.support.redis.environment import write_certificate

FREE = "tcp:0:interface=127.0.0.1"


class Proxied(Client):
    """A client whose connection begins with a header of the PROXY protocol."""

    def connectionMade(self) -> None:
        self.transport.write(b"PROXY TCP4 198.51.100.7 127.0.0.1 1234 80\r\n")
        super().connectionMade()


class OnePortTestCase(DaemonTestCase):
    async def connect(
        self, endpoint: IStreamClientEndpoint, kind: type[Client] = Client, scheme: str = "ws"
    ) -> Client:
        """Return a client that is connected to /ws at an endpoint."""
        factory = WebSocketClientFactory(f"{scheme}://localhost/ws")
        factory.protocol = kind
        client: Any = await endpoint.connect(factory)
        self.addCleanup(self._hang_up, client)
        await client.opened.addTimeout(PATIENCE, reactor)
        return client

    def over_tcp(self) -> IStreamClientEndpoint:
        return TCP4ClientEndpoint(reactor, "127.0.0.1", self.http)

    async def talk(self, ann: Client, bob: Client) -> None:
        """Have two users exchange messages, long ones too."""
        await ann.ask(101, id="ann")
        await bob.ask(101, id="bob")
        for content in "hi", "x" * 4000:
            await ann.ask(201, type=2, target_id="bob", content=content)
            (item,) = (await bob.packet())["body"]["items"]
            self.assertEqual(item["content"], content)

    def status(self, first: bytes = b"") -> Deferred[int]:
        """Return the status of a handshake with something before it."""
        return deferToThread(self._status, first)

    def _status(self, first: bytes) -> int:
        with socket.create_connection(("127.0.0.1", self.http), timeout=PATIENCE) as peer:
            peer.sendall(first + request())
            return int(peer.recv(4096).split()[1])

    async def end(self, process: Process, *clients: Client) -> None:
        """Stop the daemon, which says goodbye to its clients."""
        process.signal(signal.SIGTERM)
        self.assertEqual(
            await gatherResults([client.closed for client in clients]), [3001] * len(clients)
        )
        self.assertEqual(await process.exited.addTimeout(PATIENCE, reactor), 0)
        self.assertNotIn("Traceback", process.output[1] + process.output[2])


class PortTests(OnePortTestCase):
    async def test_clients_of_both_ports_talk_and_are_closed_alike(self) -> None:
        process = await self.daemon("--drain", "1s")
        ann, bob = await self.connect(self.over_tcp()), await self.client()
        await self.talk(ann, bob)
        page = await treq.text_content(
            await treq.get(f"http://127.0.0.1:{self.http}/metrics", persistent=False)
        )
        self.assertIn("\ngim_connections 2.0\n", page)
        await process.says(r"GET /ws 101 .* from 127\.0\.0\.1")
        await self.end(process, ann, bob)

    async def test_a_unix_socket_alone(self) -> None:
        with tempfile.TemporaryDirectory(dir="/tmp") as directory:
            path = os.path.join(directory, "api.sock")
            process = self.spawn("twistd", "-n", "gim", "--ws", "none", "--http", f"unix:{path}")
            await process.says("gim .* started: gateway at /ws of the api, api .*sock")
            if self.worker_count > 1:
                await self.workers_serve(process, self.worker_count)
            over_unix = UNIXClientEndpoint(reactor, path)
            ann, bob = await self.connect(over_unix), await self.connect(over_unix)
            await self.talk(ann, bob)
            await self.end(process, ann, bob)


class LayerTests(OnePortTestCase):
    async def test_tls(self) -> None:
        files = FilePath(self.mktemp())
        files.makedirs()
        write_certificate(files)
        pem = f"privateKey={files.child('key.pem').path}:certKey={files.child('ca.pem').path}"
        process = await self.daemon("--http", f"ssl:0:interface=127.0.0.1:{pem}", "--ws", FREE)
        root = Certificate.loadPEM(files.child("ca.pem").getContent())

        def over_tls() -> IStreamClientEndpoint:
            return wrapClientTLS(optionsForClientTLS("localhost", root), self.over_tcp())

        ann = await self.connect(over_tls(), scheme="wss")
        bob = await self.connect(over_tls(), scheme="wss")
        await self.talk(ann, bob)
        await self.end(process, ann, bob)

    async def test_the_proxy_protocol(self) -> None:
        process = await self.daemon(
            *("--http", "haproxy:tcp:0:interface=127.0.0.1", "--max-address-connections", "2")
        )
        ann = await self.connect(self.over_tcp(), Proxied)
        bob = await self.connect(self.over_tcp(), Proxied)
        await self.talk(ann, bob)
        await process.says(r"GET /ws 101 .* from 198\.51\.100\.7")
        self.assertEqual(await self.status(b"PROXY TCP4 198.51.100.7 127.0.0.1 1 80\r\n"), 429)
        self.assertEqual(await self.status(b"PROXY TCP4 198.51.100.8 127.0.0.1 1 80\r\n"), 101)
        await self.end(process, ann, bob)
        self.assertRegex(process.output[1], r"connection of ann from \S*198\.51\.100\.7\S* ended, 3001")


class WorkerTests(PortTests):
    worker_count = 2

    async def test_limits_hold_for_all_workers_and_both_ports(self) -> None:
        process = await self.daemon("--max-connections", "3")
        clients = [await self.connect(self.over_tcp()) for _ in range(2)]
        clients.append(await self.client())
        self.assertEqual([await self.status() for _ in range(2)], [503, 503])
        clients[0].transport.abortConnection()
        await clients[0].gone
        for _ in range(100):
            if await self.status() == 101:
                break
        else:
            self.fail("the end of a connection is not known")
        await self.end(process, *clients[1:])
        (count,) = re.findall(r"stopping, (\d+) connections", process.output[1])
        self.assertLessEqual(2, int(count))
