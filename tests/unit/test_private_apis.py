"""What gim relies on in Twisted and Python beyond their documented APIs, outside of the gateway.

These tests have the libraries' own classes only, and fail first when a new release changes something.
`tests.unit.gateway.test_private_apis` is for the gateway.
"""

from __future__ import annotations

import tracemalloc
from select import epoll
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.haproxy._v1parser import V1Parser
from twisted.protocols.haproxy._v2parser import V2Parser
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper, HAProxyWrappingFactory
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel

from tests.support.redis.environment import write_certificate


class PrivateApiTests(SynchronousTestCase):
    def endpoint(self, description: str) -> Any:
        return serverFromString(reactor, description)

    def test_a_tcp_endpoint_shows_where_it_will_listen(self) -> None:
        for host in "127.0.0.1", "::1":
            kind = "tcp6" if ":" in host else "tcp"
            escaped = host.replace(":", r"\:")
            endpoint = self.endpoint(f"{kind}:8080:interface={escaped}")
            self.assertEqual((endpoint._interface, endpoint._port), (host, 8080))

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

    def test_the_reactor_of_linux_polls_an_epoll_object(self) -> None:
        another = EPollReactor()
        self.addCleanup(another._poller.close)
        self.assertIsInstance(another._poller, epoll)

    def test_a_channel_of_http_shows_whether_it_serves_a_request(self) -> None:
        channel = HTTPChannel()
        self.assertEqual((channel._handlingRequest, channel._abortingCall), (False, None))
        self.assertEqual((channel._buffer, channel.paused), (b"", False))
        for name in "_respondToBadRequestAndDisconnect", "forceAbortClient", "resetTimeout":
            self.assertTrue(callable(getattr(channel, name)), name)

    def test_a_snapshot_has_its_traces_as_plain_tuples(self) -> None:
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        kept = [bytearray(1000)]
        traces = tracemalloc.take_snapshot().traces._traces  # type: ignore[attr-defined]
        self.assertGreaterEqual(max(size for _, size, *_ in traces), len(kept[0]))
