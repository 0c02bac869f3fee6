"""A real proxy in front of a real gim, configured as docs/behind-a-proxy.md says."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
from collections.abc import Mapping
from http.client import HTTPSConnection
from typing import Any, ClassVar, cast

from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.filepath import FilePath

from tests.support.daemon_process import PATIENCE, Client, DaemonTestCase
from tests.support.daemon_process import Process as Daemon
from tests.support.paths import ROOT
from tests.support.redis.environment import hold_port, until, write_certificate
from tests.support.redis.process import Process

PAGE = ROOT.child("docs").child("behind-a-proxy.md")
NAME = "localhost"  # stands for chat.example.com, as the certificate has it
ANN, BOB = "127.0.0.7", "127.0.0.8"  # where clients connect from
FORGED = {"X-Forwarded-For": "203.0.113.9"}
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
TIMEOUT = 150  # seconds, of quiet connections on the page
SHORT_TIMEOUT = 2  # seconds, of quiet connections here
DEFAULT_TIMEOUT = 60  # seconds, of quiet connections, of nginx and Apache
AS_ROOT = os.geteuid() == 0


def block(language: str) -> str:
    """Return the code block of *language* on the page."""
    found = re.findall(rf"(?ms)^```{language}\n(.*?)^```$", PAGE.getContent().decode())
    assert len(found) == 1, f"{len(found)} blocks of {language}"
    return str(found[0])


def with_one_port(language: str, text: str) -> str:
    """Return a configuration with the change for one port that the page names for a proxy."""
    row = re.compile(rf"(?mi)^\| {language} \| `(.*?)` \| `(.*?)` \|$")
    ((before, after),) = row.findall(PAGE.getContent().decode())
    assert text.count(before) == 1, f"{before!r} is not once in the configuration of {language}"
    return text.replace(before, after)


class ProxyCase(DaemonTestCase):
    """What each proxy must do; a subclass says how the proxy is started."""

    language: ClassVar[str]
    options: ClassVar[tuple[str, ...]] = ()  # of gim, beside those of all proxies
    has_one_port = False  # a test says so before `start`

    def command(self, text: str) -> tuple[str, ...]:
        """Write the configuration of the page, which fits this machine, to files; return the command."""
        raise NotImplementedError

    def fit(self, text: str) -> str:
        """Put names, ports and certificates of this test into *text*."""
        certificates = self.files.path
        return (
            text.replace("chat.example.com", NAME)
            .replace("/etc/ssl/chat/", f"{certificates}/")
            .replace("127.0.0.1:8080", f"127.0.0.1:{self.ws}")
            .replace("127.0.0.1:8081", f"127.0.0.1:{self.http}")
            .replace("port 8081", f"port {self.http}")
        )

    async def start(self, *options: str, quiet_time: int | None = TIMEOUT) -> None:
        """Start gim and the proxy before it, which cuts connections after *quiet_time* seconds: None for
        the default of the proxy."""
        self.gim: Daemon = await self.daemon("--trusted-proxies", "127.0.0.1", *self.options, *options)
        self.files = FilePath(os.path.abspath(self.mktemp()))
        self.proxy = Process(self.files)
        if AS_ROOT:
            os.chmod(self.files.path, 0o755)  # for a proxy that gives up being root
        write_certificate(self.files)
        chain, key = self.files.child("ca.pem"), self.files.child("key.pem")
        self.files.child("cert.pem").setContent(chain.getContent())
        self.files.child("chat.pem").setContent(chain.getContent() + key.getContent())
        holder = hold_port()
        self.addCleanup(holder.close)
        self.port = holder.getsockname()[1]
        text = block(self.language)
        text = self.fit(with_one_port(self.language, text) if self.has_one_port else text)
        if quiet_time is None:
            text = re.sub(rf"\n.*timeout {TIMEOUT}s?;| timeout={TIMEOUT}$", "", text, flags=re.MULTILINE)
            assert str(TIMEOUT) not in text, text
        else:
            text = text.replace(str(TIMEOUT), str(quiet_time))
        self.proxy.spawn(self.command(text), {})
        self.addCleanup(self._end_proxy)
        await until(self._serves, "the proxy")

    async def _serves(self) -> bool:
        assert self.proxy.running, self.proxy.log()
        try:
            return await self.get("/v1/sessions") != 503
        except ConnectionError:
            return False

    async def _end_proxy(self) -> None:
        self.proxy.kill()
        await self.proxy.ended()

    def write(self, name: str, text: str) -> str:
        """Write a file of the proxy; return its path."""
        self.files.child(name).setContent(text.encode())
        return self.files.child(name).path

    async def log_in(self, name: str, address: str = ANN) -> Client:
        """Return a client from *address* that is logged in through the proxy, as a browser's page."""
        factory = WebSocketClientFactory(
            f"wss://{NAME}:{self.port}/ws", origin=f"https://{NAME}", headers=FORGED
        )
        factory.protocol = Client
        root = Certificate.loadPEM(self.files.child("ca.pem").getContent())
        plain = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port, bindAddress=(address, 0))
        client: Any = await wrapClientTLS(optionsForClientTLS(NAME, root), plain).connect(factory)
        self.addCleanup(self._let_go, client)
        await client.opened.addTimeout(PATIENCE, reactor)
        self.token = (await client.ask(101, id=name))["token"]
        return cast(Client, client)

    async def _let_go(self, client: Client) -> None:
        if not client.gone.called:
            client.transport.abortConnection()
        await client.gone

    def get(self, path: str, address: str = BOB, **headers: str) -> Deferred[int]:
        """Return the status of an HTTP request from *address* through the proxy."""
        return deferToThread(self._get, path, address, headers)

    def _get(self, path: str, address: str, headers: Mapping[str, str]) -> int:
        context = ssl.create_default_context(cafile=self.files.child("ca.pem").path)
        connection = HTTPSConnection(
            NAME, self.port, context=context, source_address=(address, 0), timeout=PATIENCE
        )
        try:
            connection.request("GET", path, headers={**FORGED, **headers})
            response = connection.getresponse()
            self.answer = response.read()
            return response.status
        finally:
            connection.close()

    async def test_websocket_and_http_reach_gim_with_the_clients_address(self) -> None:
        await self.start("--max-address-connections", "1")
        ann = await self.log_in("ann")
        self.assertEqual(await self.get("/ws", ANN, **HANDSHAKE), 429)
        foreign = {**HANDSHAKE, "Origin": "https://example.org"}
        self.assertEqual(await self.get("/ws", **foreign), 403)
        await self.log_in("bob", BOB)

        self.assertEqual(await self.get("/v1/sessions", Authorization=f"Bearer {self.token}"), 200)
        self.assertEqual(json.loads(self.answer)["code"], 0)
        await self.gim.says(rf"GET /v1/sessions 200 .* from {BOB}")
        self.assertEqual(await self.get("/client/gim.js"), 200)
        for path in "/", "/metrics", "/readyz", "/v1/admin/statistics", "/wsx", "/docs":
            self.assertEqual(await self.get(path), 404, path)

        if self.has_one_port:
            await self.gim.says(rf"GET /ws 101 .* from {ANN}")
        self.gim.signal(signal.SIGTERM)
        self.assertEqual(await ann.closed.addTimeout(PATIENCE, reactor), 3001)
        await self.gim.says(rf"connection of ann from \S*{ANN}\S* ended, 3001")
        self.assertEqual(await self.gim.exited.addTimeout(PATIENCE, reactor), 0)
        self.assertNotIn("/metrics", self.gim.output[1])

    async def test_one_port_is_enough(self) -> None:
        self.has_one_port = True
        await self.test_websocket_and_http_reach_gim_with_the_clients_address()

    async def test_pings_keep_a_quiet_connection_beyond_the_proxys_timeout(self) -> None:
        await self.start("--heartbeat-interval", f"{SHORT_TIMEOUT}s", quiet_time=SHORT_TIMEOUT)
        ann = await self.log_in("ann")
        await deferLater(reactor, 2 * SHORT_TIMEOUT + 0.5)
        self.assertFalse(ann.closed.called)
        await ann.ask(105)


class TimedProxyCase(ProxyCase):
    """A proxy that has a timeout for quiet WebSocket connections, too."""

    async def test_without_pings_in_time_the_proxy_cuts_a_quiet_connection(self) -> None:
        await self.start("--heartbeat-interval", "1h", quiet_time=SHORT_TIMEOUT)
        ann = await self.log_in("ann")
        await ann.closed.addTimeout(PATIENCE, reactor)


class DefaultTimeoutCase(TimedProxyCase):
    """A proxy that has a timeout for quiet connections by default."""

    timeout = DEFAULT_TIMEOUT + 60

    async def test_with_its_default_timeout_it_keeps_quiet_connections(self) -> None:
        await self.start(quiet_time=None)
        ann = await self.log_in("ann")
        await deferLater(reactor, DEFAULT_TIMEOUT + 2)
        self.assertFalse(ann.closed.called)
        await ann.ask(105)
