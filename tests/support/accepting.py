"""A parent that accepts and workers that serve, all in this process: with real sockets and pairs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor as installed
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from gim.gateway.connection_rules import ConnectionRules
from gim.limits.limits import LimitHits
from gim.link.channel import Channel
from gim.net.client_address import NO_PROXIES, Proxies
from gim.net.endpoints import make_endpoint, speaks_proxy
from gim.net.listening import Listening
from gim.wire.json import JsonCodec
from gim.workers.accept_messages import TO_PARENT
from gim.workers.acceptor import Acceptor
from gim.workers.admission import WorkerAdmission
from gim.workers.closings import Closings
from gim.workers.hand_over import API, GATEWAY, make_pair
from gim.workers.ports import HandedOverPorts
from gim.workers.worker_reactor import WorkerReactor, without_socket
from tests.support.channels import connect
from tests.support.gateway import make_gateway
from tests.support.redis.environment import write_certificate
from tests.support.settings import no_limits

reactor: Any = installed
LOOPBACK = "tcp:0:interface=127.0.0.1"


async def until(condition: Callable[[], object]) -> None:
    """Let the reactor run until *condition* holds; the timeout of the test bounds it."""
    while not condition():
        await deferLater(reactor, 0.001)


class Echo(Protocol):
    """Sends back what it gets."""

    transport: Any

    def connectionMade(self) -> None:
        self.factory.connections.add(self)

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.connections.discard(self)


class EchoFactory(Factory):
    protocol = Echo
    noisy = False
    admission: Any = None

    def __init__(self) -> None:
        self.connections: set[Echo] = set()


class Worker:
    """A worker: what serves connections of both kinds, and where they come from."""

    def __init__(self, gateway: Any, rules: ConnectionRules, texts: dict[int, str]) -> None:
        self.ours, self.theirs = make_pair()
        self.parent_link, self.link = (
            Channel(kinds, reactor, on_end=lambda why: None) for kinds in (TO_PARENT, ())
        )
        self.parent_end, self.link_end = connect(self.parent_link, self.link)
        closings = Closings(self.link.send, reactor)
        self.admission = WorkerAdmission(rules, closings, self.link, reactor)
        self.ports = HandedOverPorts(self.theirs.dup(), closings, self.judged, reactor)
        gateway.admission = self.admission
        self.factories: dict[int, Any] = {GATEWAY: gateway, API: EchoFactory()}
        self.listening = [self.listen(kind, text) for kind, text in texts.items()]
        self.hand_over: Any = None
        self.is_ready = True

    def listen(self, kind: int, text: str) -> Listening:
        endpoint = make_endpoint(without_socket(text), WorkerReactor(reactor))
        prepare = partial(self.ports.take, kind)
        return Listening("port", endpoint, self.factories[kind], prepare, is_announced=False)

    def judged(self, verdict: Any) -> None:
        self.admission.verdict = verdict

    def start(self) -> None:
        for listening in self.listening:
            listening.startService()
        self.ports.startService()

    def connections(self, kind: int = GATEWAY) -> int:
        return len(self.factories[kind].connections)

    async def stop(self) -> None:
        for kind in self.factories:
            for connection in tuple(self.factories[kind].connections):
                connection.transport.abortConnection()
        for listening in self.listening:
            await maybeDeferred(listening.stopService)
        if self.ports.running:
            self.ports.stopService()
        self.ours.close()
        self.theirs.close()


class Peer(Protocol):
    """A client that keeps what it gets."""

    transport: Any

    def __init__(self, first: bytes = b"") -> None:
        self.first = first  # what it says at once
        self.received = b""
        self.is_gone = False

    def connectionMade(self) -> None:
        if self.first:
            self.transport.write(self.first)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.is_gone = True

    @property
    def status(self) -> int:
        """The status of the HTTP response, 0 while there is none."""
        return int(self.received.split()[1]) if b"\r\n\r\n" in self.received else 0


def handshake(*headers: str, path: str = "/") -> bytes:
    """Return a request of the opening handshake."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"]
    lines += headers
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "", ""]
    return "\r\n".join(lines).encode()


@implementer(IOpenSSLClientConnectionCreator)
class _Trusting:
    """Has clients with TLS take any certificate."""

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        connection.set_tlsext_host_name(b"localhost")
        return connection


class AcceptingTestCase(TestCase):
    """Starts a parent and workers; `limits` are those of the gateway, by the names of `Limits`."""

    timeout = 30
    limits: dict[str, float] = {}
    proxies: Proxies = NO_PROXIES

    def begin(self, text: str = LOOPBACK, workers: int = 2, *, echo: bool = False, api: str = "") -> None:
        """Listen on endpoints, and have workers serve: a gateway each, or what sends all back."""
        self.texts = {GATEWAY: text} | ({API: api} if api else {})
        self.hits = LimitHits(is_enforced=True)
        self.echo = echo
        self.acceptor = Acceptor(self.rules(), reactor)
        self.acceptor.startService()
        self.listening = {kind: self.listen(kind, text) for kind, text in self.texts.items()}
        self.workers: list[Worker] = []
        self.peers: list[Peer] = []
        self.addCleanup(self.end)
        for listening in self.listening.values():
            listening.startService()
        for _ in range(workers):
            self.start(self.worker())

    def rules(self) -> ConnectionRules:
        return ConnectionRules(
            no_limits(**self.limits),
            self.hits,
            self.proxies,
            lambda: "",
            lambda: False,
            speaks_proxy(self.texts[GATEWAY]),
        )

    def endpoint(self, text: str) -> IStreamServerEndpoint:
        return make_endpoint(text, reactor)

    def listen(self, kind: int, text: str) -> Listening:
        endpoint, prepare = self.endpoint(text), partial(self.acceptor.take, kind)
        return Listening("gateway", endpoint, Factory(), prepare)

    def worker(self) -> Worker:
        """Return another worker, which does not serve yet."""
        gateway = EchoFactory() if self.echo else make_gateway(JsonCodec(), reactor)
        self.workers.append(Worker(gateway, self.rules(), self.texts))
        return self.workers[-1]

    def start(self, worker: Worker) -> None:
        worker.start()
        self.join(worker)

    def join(self, worker: Worker) -> None:
        worker.hand_over = self.acceptor.join(
            worker.ours, worker.theirs, worker.parent_link, lambda: worker.is_ready
        )

    def address(self, kind: int = GATEWAY) -> Any:
        port: Any = self.listening[kind].port
        return port.socket.getsockname()

    def connect(self, first: bytes = b"", kind: int = GATEWAY, *, tls: bool = False) -> Peer:
        """Connect a client that says something at once."""
        address = self.address(kind)
        endpoint: Any
        if isinstance(address, str):
            endpoint = UNIXClientEndpoint(reactor, address)
        elif ":" in address[0]:
            endpoint = TCP6ClientEndpoint(reactor, address[0], address[1])
        else:
            endpoint = TCP4ClientEndpoint(reactor, address[0], address[1])
        peer = Peer(first)
        self.peers.append(peer)
        connectProtocol(wrapClientTLS(_Trusting(), endpoint) if tls else endpoint, peer)
        return peer

    async def end(self) -> None:
        for worker in self.workers:
            worker.link_end.loseConnection()
        for peer in self.peers:
            if peer.transport is not None and not peer.is_gone:
                peer.transport.abortConnection()
        for listening in self.listening.values():
            await maybeDeferred(listening.stopService)
        self.acceptor.stopService()
        for worker in self.workers:
            await worker.stop()
        await until(lambda: all(peer.is_gone or peer.transport is None for peer in self.peers))
        for _ in range(3):  # what the last connections have to tell
            await deferLater(reactor, 0)

    def certificate(self) -> str:
        """Return the words of an endpoint with TLS that name its key and its certificate."""
        self.files = files = FilePath(self.mktemp())
        files.makedirs()
        write_certificate(files)
        return f"privateKey={files.child('key.pem').path}:certKey={files.child('ca.pem').path}"
