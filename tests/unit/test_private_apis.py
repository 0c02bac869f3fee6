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
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel


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
        wrapped = self.endpoint("haproxy:tcp:8080")._wrappedEndpoint
        self.assertEqual(wrapped._port, 8080)

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
