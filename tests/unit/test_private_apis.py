"""What gim relies on in Twisted and Python beyond their documented APIs, outside of the gateway.

These tests have the libraries' own classes only, and fail first when a new release changes something.
`tests.unit.gateway.test_private_apis` is for the gateway.
"""

from __future__ import annotations

import argparse
import socket
import tracemalloc
from select import epoll
from types import SimpleNamespace
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor, tcp, unix
from twisted.internet.endpoints import serverFromString
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol, ServerFactory
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport
from twisted.protocols.haproxy._v1parser import V1Parser
from twisted.protocols.haproxy._v2parser import V2Parser
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper, HAProxyWrappingFactory
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import BufferingTLSTransport
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers

from tests.support.redis.environment import write_certificate
from tests.support.transports import Reactor as FakeReactor
from tests.support.transports import build


class _Recording(Factory):
    """Records what a port gives it, and is its own protocol."""

    def __init__(self, calls: list[Any]) -> None:
        self.calls = calls

    def buildProtocol(self, address: Any) -> Any:
        self.calls.append(address)
        return self

    def makeConnection(self, transport: Any) -> None:
        self.calls.append(transport)


class PrivateApiTests(SynchronousTestCase):
    def endpoint(self, description: str) -> Any:
        return serverFromString(reactor, description)

    def test_a_tcp_endpoint_shows_where_it_will_listen(self) -> None:
        for host in "127.0.0.1", "::1":
            kind = "tcp6" if ":" in host else "tcp"
            escaped = host.replace(":", r"\:")
            endpoint = self.endpoint(f"{kind}:8080:interface={escaped}")
            self.assertEqual((endpoint._interface, endpoint._port), (host, 8080))

    def client_protocol(self) -> Any:
        """Return a client's protocol that has sent its handshake."""
        protocol: Any = WebSocketClientProtocol()
        protocol.factory = WebSocketClientFactory("ws://127.0.0.1:8080")
        transport = StringTransport()
        transport.registerProducer(protocol, True)  # Autobahn ends it
        protocol.makeConnection(transport)
        return protocol

    def test_a_close_frame_is_kept_when_tcp_ends_without_a_reply(self) -> None:
        protocol = self.client_protocol()
        protocol.state, protocol.websocket_version = protocol.STATE_OPEN, 13
        ends: list[Any] = []
        protocol.onClose = lambda *end: ends.append(end)
        protocol.onCloseFrame(3001, b"going away")
        protocol.wasClean = False
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual([code for _, code, _ in ends], [1006])
        kept = protocol.remoteCloseCode, protocol.remoteCloseReason
        self.assertEqual(kept, (3001, "going away"))

    def test_a_refused_handshake_shows_its_status_and_headers(self) -> None:
        protocol = self.client_protocol()
        protocol.dataReceived(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n\r\n")
        self.assertEqual(protocol.http_status_line, "HTTP/1.1 503 Service Unavailable")
        self.assertEqual(protocol.http_headers["retry-after"], "2")
        protocol.connectionLost(Failure(ConnectionDone()))

    def test_a_unix_endpoint_shows_its_path(self) -> None:
        self.assertEqual(self.endpoint("unix:/run/s")._address, "/run/s")

    def test_an_endpoint_of_the_proxy_protocol_shows_the_one_that_it_wraps(self) -> None:
        endpoint = self.endpoint("haproxy:tcp:8080")
        self.assertEqual(endpoint._wrappedEndpoint._port, 8080)
        self.assertIs(endpoint._wrapperFactory, HAProxyWrappingFactory)
        self.assertTrue(issubclass(HAProxyWrappingFactory.protocol, HAProxyProtocolWrapper))

    def test_the_peer_of_the_proxy_protocol_is_that_of_its_proxy_info(self) -> None:
        factory: Any = HAProxyWrappingFactory(Factory())
        wrapper = HAProxyProtocolWrapper(factory, Protocol())
        info = V1Parser.parse(b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2")
        wrapper._proxyInfo = info
        self.assertEqual((wrapper.getPeer(), wrapper.getHost()), (info.source, info.destination))
        self.assertIs(V2Parser.parse(V2Parser.PREFIX + b"\x20\0\0\0").source, None)

    def test_an_endpoint_of_tls_shows_where_its_certificates_come_from(self) -> None:
        files = FilePath(self.mktemp())
        files.makedirs()
        write_certificate(files)
        key, certificate = files.child("key.pem").path, files.child("ca.pem").path
        endpoint = self.endpoint(f"ssl:8443:privateKey={key}:certKey={certificate}")
        self.assertIsInstance(endpoint._sslContextFactory, CertificateOptions)

    def test_a_port_hands_what_it_accepts_to_its_factory_and_its_transport(self) -> None:
        calls: list[Any] = []
        port: Any = reactor.listenTCP(0, ServerFactory(), interface="127.0.0.1")
        self.addCleanup(port.connectionLost, Failure(ConnectionDone()))
        self.addCleanup(port.stopReading)
        port.factory, port.transport = _Recording(calls), lambda *args: calls.append(args)
        with socket.create_connection(("127.0.0.1", port.getHost().port)) as client:
            port.doRead()
            (address, (accepted, protocol, peer, at, number, of), transport) = calls
            accepted.close()
            self.assertEqual((peer, address.port), (client.getsockname(), peer[1]))
        self.assertEqual((protocol, at, number, of), (port.factory, port, 0, reactor))
        self.assertIs(transport, None)

    def test_a_transport_of_a_server_needs_no_port_of_twisted(self) -> None:
        for family, kind in ((socket.AF_INET, tcp.Server), (socket.AF_UNIX, unix.Server)):
            end, clock = socket.socket(family), FakeReactor()
            self.addCleanup(end.close)
            args: Any = (end, Protocol(), ("127.0.0.1", 1), SimpleNamespace(_realPortNumber=7), 3, clock)
            self.assertIn("Protocol #3 on 7", repr(kind(*args)))

    def test_the_reactor_of_linux_polls_an_epoll_object(self) -> None:
        another = EPollReactor()
        self.addCleanup(another._poller.close)
        self.assertIsInstance(another._poller, epoll)
        self.assertEqual(another.doIteration, another.doPoll)
        self.assertIn(another.waker.fileno(), another._selectables)
        self.assertTrue(callable(another._doReadOrWrite) and callable(another._disconnectSelectable))

    def test_a_channel_of_http_shows_whether_it_serves_a_request(self) -> None:
        channel = HTTPChannel()
        self.assertEqual((channel._handlingRequest, channel._abortingCall), (False, None))
        self.assertEqual((channel._buffer, channel.paused), (b"", False))
        for name in "_respondToBadRequestAndDisconnect", "forceAbortClient", "resetTimeout":
            self.assertTrue(callable(getattr(channel, name)), name)

    def test_a_channel_of_http_keeps_what_comes_behind_a_request(self) -> None:
        kept: list[bytes] = []

        class Request:
            def __init__(self, channel: Any, queued: object = None) -> None:
                self.channel, self.requestHeaders = channel, Headers()

            def parseCookies(self) -> None: ...

            def gotLength(self, length: int) -> None: ...

            def requestReceived(self, *words: bytes) -> None:
                kept.extend([*self.channel._dataBuffer, self.channel._buffer])

        channel: Any = HTTPChannel()
        channel.requestFactory = Request
        channel.makeConnection(StringTransport())
        channel.dataReceived(b"GET / HTTP/1.1\r\n\r\nbehind")
        channel.dataReceived(b" it")
        channel.setTimeout(None)
        self.assertEqual((kept, channel._dataBuffer), ([b"behind"], [b"behind", b" it"]))

    def test_layers_and_sockets_call_the_protocol_that_they_have(self) -> None:
        for wrapper in BufferingTLSTransport, HAProxyProtocolWrapper:
            self.assertTrue(issubclass(wrapper, ProtocolWrapper))
        factory: Any = WrappingFactory(Factory())
        layer, taken = ProtocolWrapper(factory, Protocol()), list[bytes]()
        layer.makeConnection(StringTransport())
        for place, caller in ("wrappedProtocol", layer), ("protocol", build(tcp.Server, [])[0]):
            self.assertTrue(hasattr(caller, place))
            other: Any = Protocol()
            other.dataReceived = taken.append
            setattr(caller, place, other)
        layer.dataReceived(b"layer")
        caller._dataReceived(b"socket")
        self.assertEqual(taken, [b"layer", b"socket"])
        self.assertFalse(hasattr(caller, "wrappedProtocol"))

    def test_a_snapshot_has_its_traces_as_plain_tuples(self) -> None:
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        kept = [bytearray(1000)]
        traces = tracemalloc.take_snapshot().traces._traces  # type: ignore[attr-defined]
        self.assertGreaterEqual(max(size for _, size, *_ in traces), len(kept[0]))

    def test_a_parser_lists_its_arguments_and_the_commands_below_it(self) -> None:
        parser = argparse.ArgumentParser(add_help=False)
        parser.add_argument("--switch", action="store_true")
        below = parser.add_subparsers()
        command = below.add_parser("one", help="a line")
        switch, commands = parser._actions
        self.assertEqual((switch.option_strings, switch.nargs), (["--switch"], 0))
        self.assertIsInstance(commands, argparse._SubParsersAction)
        self.assertEqual(commands.choices, {"one": command})
        (choice,) = below._choices_actions
        self.assertEqual((choice.dest, choice.help), ("one", "a line"))
