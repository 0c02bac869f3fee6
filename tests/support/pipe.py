"""Real protocols at both ends of a pipe in memory, and a clock moved by hand."""

from __future__ import annotations

import json
from typing import Any

import txaio
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket.util import create_url
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.test import iosim
from twisted.trial.unittest import SynchronousTestCase

from gim.config.options import Options
from gim.daemon.daemon import Daemon
from gim.gateway.factory import GatewayFactory
from gim.tap import makeService
from tests.support.autobahn_text import leave_out
from tests.support.clocks import SettableWallClock
from tests.support.wire import proto_values
from tests.support.world import START

leave_out()


class Client(WebSocketClientProtocol):
    """A client that keeps what it gets and answers pings unless it is told not to."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[dict[str, Any]] = []
        self.pings = 0
        self.closed: tuple[int | None, str | None] | None = None
        self.answers_pings = True
        self.protocol_in_use: str | None = None
        self.headers: dict[str, str] = {}  # of the answer to the handshake

    def onConnect(self, response: Any) -> None:
        self.protocol_in_use = response.protocol
        self.headers = response.headers

    def say(self, op: int, body: dict[str, Any], seq: int) -> None:
        """Send a request."""
        self.sendMessage(json.dumps({"op": op, "body": body, "seq": seq}).encode())

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        assert not isBinary, payload
        packet = json.loads(payload)
        assert set(packet) == {"op", "body", "seq"}, packet
        packet["body"] = json.loads(packet["body"])
        self.packets.append(packet)

    def onPing(self, payload: bytes) -> None:
        self.pings += 1
        if self.answers_pings:
            self.sendPong(payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.closed = code, reason


class ProtoClient(Client):
    """The same in Protobuf; its packets are kept as those of JSON would be."""

    def say(self, op: int, body: dict[str, Any], seq: int) -> None:
        self.sendMessage(proto_values.request(op, seq, **body), True)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        assert isBinary, payload
        self.packets.append(proto_values.read(payload))


class Reactor(Clock):
    """The clock, and the little more that a service asks of a reactor."""

    running = True

    def __init__(self) -> None:
        super().__init__()
        self.writers: list[Any] = []  # transports in which bytes wait

    def getWriters(self) -> list[Any]:
        return self.writers

    def callWhenRunning(self, call: Any, *args: Any) -> None:
        pass

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        factory.doStart()
        return _Port(factory)


class _Port:
    accepts = True

    def __init__(self, factory: Any) -> None:
        self.factory = factory

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 1)

    def startReading(self) -> None:
        self.accepts = True

    def stopReading(self) -> None:
        self.accepts = False

    def stopListening(self) -> None:
        self.factory.doStop()


class GatewayTestCase(SynchronousTestCase):
    """A whole daemon without sockets; `options` is its command line."""

    options: tuple[str, ...] = ()
    handshake_path = "/"

    def setUp(self) -> None:
        self.clock = Reactor()
        self.clock.advance(START)
        self.wall = SettableWallClock(self.clock.seconds)
        self.patch(txaio.config, "loop", self.clock)  # type: ignore[attr-defined]  # that of Autobahn's timers
        self.start()
        self.addCleanup(self.stop)

    def start(self) -> None:
        """Start a daemon, in place of the one that was stopped if there was one."""
        options = Options()
        options.parseOptions(["--ws", "0", "--http", "0", "--drain", "0", *self.options])
        daemon = makeService(options, self.clock, self.wall)
        assert isinstance(daemon, Daemon)  # not that of several processes
        self.daemon = daemon
        # it is the whole process's, and would look at all of it for each test
        self.daemon.removeService(self.daemon.getServiceNamed("garbage"))
        self.daemon.startService()
        self.gateway: GatewayFactory = self.daemon.getServiceNamed("gateway").port.factory
        self.api = self.daemon.getServiceNamed("api").port.factory
        self.pumps: list[iosim.IOPump] = []

    def stop(self) -> None:
        if not self.daemon.running:  # the test has stopped it
            return
        stopped = self.daemon.stopService()
        self.pump()
        self.clock.pump([1.0] * 5)
        self.successResultOf(stopped)

    def connect(
        self,
        protocols: list[str] | None = None,
        headers: dict[str, str] | None = None,
        kind: type[Client] = Client,
    ) -> Client:
        """Return a client whose handshake is done."""
        factory = WebSocketClientFactory(
            create_url("localhost", 9000, path=self.handshake_path),
            protocols=protocols,
            headers=headers,
            reactor=self.clock,
        )
        factory.protocol = kind
        client: Any = factory.buildProtocol(None)
        self.attach(client)
        return client

    def attach(self, client: Any) -> Any:
        """Connect any protocol to the gateway; return the server's one."""
        server = self.gateway.buildProtocol(IPv4Address("TCP", "127.0.0.1", 2))
        transport = iosim.FakeTransport(server, True)
        transport.abortConnection = transport.loseConnection
        self.pumps.append(iosim.connect(server, transport, client, iosim.FakeTransport(client, False)))
        self.pump()
        return server

    def pump(self) -> None:
        """Carry all bytes to where they belong, and fire what is due now."""
        self.clock.advance(0)
        while sum(pump.pump() for pump in self.pumps):
            self.clock.advance(0)

    def advance(self, seconds: float, step: float = 0.05) -> None:
        """Let time go by in small steps, so that timers fire near their time."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            self.pump()

    def send_raw(self, client: Client, payload: bytes, binary: bool = False) -> list[dict[str, Any]]:
        """Send one message; return what the client got upon it."""
        before = len(client.packets)
        client.sendMessage(payload, binary)
        self.pump()
        return client.packets[before:]

    def ask(self, client: Client, op: int, seq: int = 5, **body: Any) -> dict[str, Any]:
        """Send a request; return the body of its reply."""
        before = len(client.packets)
        client.say(op, body, seq)
        self.pump()
        packets = client.packets[before:]
        (reply,) = [packet for packet in packets if packet["op"] == op + 1]
        assert reply["seq"] == seq, reply
        return reply["body"]

    def data(self, client: Client, op: int, **body: Any) -> Any:
        """Send a request that must succeed; return the data of its reply."""
        reply = self.ask(client, op, **body)
        self.assertEqual((reply["code"], reply["msg"]), (0, ""), reply)
        return reply["data"]

    def refusal(self, client: Client, op: int, **body: Any) -> tuple[int, str]:
        """Send a request that must be refused; return code and message."""
        reply = self.ask(client, op, **body)
        self.assertIsNone(reply["data"])
        return reply["code"], reply["msg"]

    def user(self, user_id: str, **body: Any) -> Client:
        """Return a client that is logged in."""
        client = self.connect()
        self.data(client, 101, id=user_id, **body)
        return client

    def pushes(self, client: Client) -> list[dict[str, Any]]:
        return [packet["body"] for packet in client.packets if packet["op"] == 207]

    def events(self, client: Client) -> list[dict[str, Any]]:
        return [packet["body"] for packet in client.packets if packet["op"] == 213]

    def contents(self, client: Client) -> list[list[str]]:
        return [[item["content"] for item in push["items"]] for push in self.pushes(client)]
