"""The gateway at /ws of the HTTP address: what becomes one of its connections, and how that goes on."""

from __future__ import annotations

import gc
import json
import re
import weakref
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

from gim.api.server.channel import IDLE_TIMEOUT
from gim.daemon.drain import CLOSING_TIME
from gim.wire.json import JsonCodec
from tests.support.gateway import make_gateway
from tests.support.over_http import HANDSHAKE, OverHttpTestCase, request
from tests.support.pipe import GatewayTestCase
from tests.support.workers import observe_log

ANN, BOB = IPv4Address("TCP", "198.51.100.1", 1), IPv4Address("TCP", "198.51.100.2", 1)
PROXY = IPv4Address("TCP", "10.0.0.7", 1)
LOGIN = b'{"op":101,"body":{"id":"ann"},"seq":1}'
FRAME = bytes([0x81, 0x80 | len(LOGIN), 0, 0, 0, 0]) + LOGIN
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Peer(Protocol):
    """Sends bytes, each element in a read of its own, and keeps the answer."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.received = b""
        self.is_gone = False

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.is_gone = True

    @property
    def status(self) -> int:
        return int(self.received.split()[1])


class UpgradeCase(OverHttpTestCase):
    def say(self, *pieces: bytes, address: Any = ANN) -> Peer:
        """Return a client that has sent these bytes, one piece after the other."""
        peer = Peer()
        self.attach(peer, address)
        for piece in pieces:
            peer.transport.write(piece)  # type: ignore[union-attr]
            self.pump()
        return peer

    def hang_up(self, peer: Peer) -> None:
        peer.transport.loseConnection()  # type: ignore[union-attr]
        self.pump()


class BecomingTests(UpgradeCase):
    def test_users_of_both_addresses_talk(self) -> None:
        ann = self.user("ann")
        self.is_over_http = False
        bob = self.user("bob")
        self.data(ann, 201, type=2, target_id="bob", content="hi")
        self.data(bob, 201, type=2, target_id="ann", content="you too")
        self.assertEqual((self.contents(bob), self.contents(ann)), ([["hi"]], [["you too"]]))

    def test_bytes_around_the_handshake_are_served_in_order(self) -> None:
        whole = HEALTH + request("GET /ws?a=b HTTP/1.1") + FRAME * 3
        for pieces in (whole,), tuple(whole[at : at + 1] for at in range(len(whole))):
            received = self.say(*pieces).received
            answers = re.findall(rb"HTTP/1\.1 (\d+)", received)
            self.assertEqual(answers, [b"200", b"101"])
            replies = received.partition(b"Sec-WebSocket-Accept")[2]
            self.assertEqual([replies.count(b'"op":102'), replies.count(b'\\"code\\":0')], [3, 3])

    def test_it_waits_for_the_requests_before_it(self) -> None:
        turns: Any = self.api.turns
        self.patch(turns, "is_over", lambda: True)
        is_waiting: Deferred[None] = Deferred()
        self.patch(turns, "turn", lambda client: is_waiting)
        peer = self.say(HEALTH + request()[:50], request()[50:] + FRAME, FRAME * 400)
        self.assertEqual(peer.received, b"")
        is_waiting.callback(None)
        self.pump()
        self.assertEqual(re.findall(rb"HTTP/1\.1 (\d+)", peer.received), [b"200", b"101"])
        self.advance(1)
        self.assertEqual(peer.received.count(b'"op":102'), 401)

    def test_it_is_one_request_with_the_trace_of_the_connection(self) -> None:
        lines: list[str] = []

        def observe(event: Any) -> None:
            if "status" in event or "code" in event:
                lines.append(f"{event.get('path')} {event.get('status')} {event['trace']}")

        observe_log(self, observe)
        peer = self.say(request(traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01", trace=None))
        self.hang_up(peer)
        trace = "1" * 32
        self.assertIn(f"\r\ntrace: {trace}\r\n".encode(), peer.received)
        self.assertEqual(lines, [f"/ws 101 {trace}", f"None None {trace}"])
        page = self.say(HEALTH.replace(b"/healthz", b"/metrics")).received.decode()
        counts = re.findall(r"(?m)^gim_http_requests_total(\{.*gateway.*\} [^0]\S*)$", page)
        self.assertEqual(counts, ['{code="101",op="gateway"} 1.0'])

    def test_a_client_is_not_silent_because_the_server_runs_for_long(self) -> None:
        self.advance(600)  # more than --heartbeat-interval
        peer = self.say(request())
        self.advance(1)
        self.assertEqual(peer.received.partition(b"\r\n\r\n")[2], b"")  # no close frame

    def test_it_is_not_an_idle_connection_of_http_any_more(self) -> None:
        client = self.user("ann")
        self.assertEqual((len(self.api.idle), self.api.idle.close_longest(0)), (0, False))
        self.advance(2 * IDLE_TIMEOUT, step=0.5)
        self.assertIsNone(client.closed)
        self.assertGreater(client.pings, 0)

    def test_nothing_of_http_is_left(self) -> None:
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        peer = Peer()
        transport = self.attach(peer)
        channel = weakref.ref(transport.protocol)
        peer.transport.write(request())  # type: ignore[union-attr]
        self.pump()
        self.assertEqual(type(transport.protocol).__name__, "GatewayProtocol")
        self.assertIsNone(transport.producer)
        self.pumps.clear()
        self.assertIsNone(channel())


class RefusalTests(UpgradeCase):
    def test_what_is_not_a_handshake_gets_the_envelope(self) -> None:
        for said in (
            request(Upgrade=None),
            request(Upgrade="h2c"),
            request("GET /ws HTTP/1.0"),
            request(Content_Length="3", body=b"abc"),
            request(Transfer_Encoding="chunked", body=b"1\r\na\r\n0\r\n\r\n"),
        ):
            peer = self.say(said)
            head, _, body = peer.received.partition(b"\r\n\r\n")
            self.assertEqual((peer.status, json.loads(body)["code"]), (426, 426), said)
            lines = head.split(b"\r\n")
            self.assertIn(b"Upgrade: websocket", lines)
            self.assertIn(b"Connection: Upgrade", lines)
            self.assertEqual(self.gateway.connections, set())

    def test_the_connection_goes_on_with_http_then(self) -> None:
        peer = self.say(request(Content_Length="3", body=b"abc"), HEALTH, request())
        self.assertEqual(re.findall(rb"HTTP/1\.1 (\d+)", peer.received), [b"426", b"200", b"101"])

    def test_only_get_of_this_very_path_is_a_handshake(self) -> None:
        for first, status in (
            ("POST /ws HTTP/1.1", 405),
            ("HEAD /ws HTTP/1.1", 426),
            ("GET /ws/ HTTP/1.1", 404),
            ("GET /wsx HTTP/1.1", 404),
            ("GET /ws/v1 HTTP/1.1", 404),
            ("GET //ws HTTP/1.1", 404),
            ("GET / HTTP/1.1", 404),
            ("GET /healthz HTTP/1.1", 200),
            ("GET http://localhost/ws HTTP/1.1", 101),
        ):
            self.assertEqual(self.say(request(first)).status, status, first)

    def test_refusals_are_those_of_the_gateway_to_the_byte(self) -> None:
        for headers in (
            {},
            {"Host": "evil.example"},
            {"Host": "localhost:x"},
            {"Origin": "http://evil.example"},
            {"Origin": "http://localhost:3000"},
            {"Origin": "null"},
            {"Connection": None},
            {"Sec_WebSocket_Key": None},
            {"Sec_WebSocket_Key": "short"},
            {"Sec_WebSocket_Version": "8"},
            {"Sec_WebSocket_Version": None},
            {"Sec_WebSocket_Protocol": "gim.proto, gim.json"},
            {"Sec_WebSocket_Extensions": "permessage-deflate; x=y"},
        ):
            said = request(**headers)
            at_gateway = Peer()
            server = GatewayTestCase.attach(self, at_gateway)
            at_gateway.transport.write(said)  # type: ignore[union-attr]
            self.pump()
            here = self.say(said)
            self.assertEqual(here.received, at_gateway.received, headers)
            self.assertEqual(here.is_gone, server.state == server.STATE_CLOSED, headers)

    def test_several_headers_of_one_name_are_all_seen(self) -> None:
        twice = request().replace(b"Upgrade: websocket\r\n", b"Upgrade: h2c\r\nUpgrade: WebSocket\r\n")
        self.assertEqual(self.say(twice).status, 101)
        hosts = request().replace(b"Host: localhost\r\n", b"Host: localhost\r\nHost: evil.example\r\n")
        self.assertEqual(self.say(hosts).status, 400)
        origins = request(Origin="http://localhost").replace(
            b"Origin: ", b"Origin: http://evil.example\r\nOrigin: "
        )
        self.assertEqual(self.say(origins).status, 400)

    def test_one_that_is_too_long_gets_the_refusal_of_http(self) -> None:
        peer = self.say(request(Cookie="x" * 20_000))
        self.assertEqual((peer.status, peer.is_gone), (400, True))
        self.assertEqual(self.say(request(X_Forwarded_For="," * 16_000)).status, 101)


class LimitTests(UpgradeCase):
    options = (
        *("--max-connections", "3", "--max-address-connections", "2"),
        *("--trusted-proxies", "10.0.0.7"),
    )

    def statuses(self, *addresses: Any, client: str | None = None) -> list[int]:
        said = request(X_Forwarded_For=client)
        return [self.say(said, address=address).status for address in addresses]

    def test_both_addresses_count_together(self) -> None:
        GatewayTestCase.attach(self, Peer())
        first = self.say(request(), address=ANN)
        self.assertEqual(self.statuses(ANN, BOB), [101, 503])
        self.assertEqual(dict(self.gateway.hits.counts), {"max-connections": 1})
        self.hang_up(first)
        refused = self.say(request() + FRAME, address=BOB)
        self.assertEqual(refused.status, 101)
        self.assertEqual(len(self.gateway.connections), 3)

    def test_a_refusal_says_when_to_come_back(self) -> None:
        self.assertEqual(self.statuses(ANN, ANN), [101, 101])
        refused = self.say(request() + FRAME, address=ANN)
        lines = refused.received.decode().split("\r\n")
        self.assertEqual(lines[0], "HTTP/1.1 429 too many connections from this address: close one")
        self.assertIn("Retry-After: 5", lines)
        self.assertTrue(refused.is_gone)
        self.assertEqual(self.gateway._rejected, set())

    def test_behind_a_proxy_the_handshake_names_the_client(self) -> None:
        found = self.statuses(*[PROXY] * 3, client="1.2.3.4, 198.51.100.1")
        self.assertEqual(found, [101, 101, 429])
        self.assertEqual(self.statuses(PROXY, client="198.51.100.2"), [101])
        self.assertEqual({each.peer for each in self.gateway.connections}, {ANN.host, BOB.host})

    def test_without_files_it_is_refused(self) -> None:
        self.patch(self.gateway.admission, "_are_files_short", lambda: True)
        self.assertEqual(self.statuses(ANN), [503])
        self.assertEqual(dict(self.gateway.hits.counts), {"open-files": 1})


class StoppingTests(UpgradeCase):
    options = ("--drain", "1s")

    def test_connections_are_closed_as_those_of_the_gateway_and_no_new_one_is_taken(self) -> None:
        clients = [self.user("ann"), self.user("bob")]
        stopped = self.daemon.stopService()
        self.pump()
        refused = self.say(request())
        self.assertIn(b"HTTP/1.1 503 the server starts or stops", refused.received)
        self.assertIn(b"Retry-After", refused.received)
        self.advance(1.1)
        self.assertEqual([client.closed[0] for client in clients if client.closed], [3001, 3001])
        self.successResultOf(stopped)

    def test_a_second_signal_closes_them_at_once(self) -> None:
        client = self.user("ann")
        other = self.user("bob")
        stopped = self.daemon.stopService()
        self.daemon.hurry()
        self.pump()
        self.advance(0.2)
        self.assertEqual([each.closed and each.closed[0] for each in (client, other)], [3001, 3001])
        self.successResultOf(stopped)

    def test_a_client_that_says_nothing_is_dropped_in_the_end(self) -> None:
        peer = self.say(request())
        stopped = self.daemon.stopService()
        self.advance(1 + CLOSING_TIME + 0.1)
        self.assertTrue(peer.is_gone)
        self.successResultOf(stopped)

    def test_before_the_storage_serves_it_is_refused(self) -> None:
        fresh = make_gateway(JsonCodec(), self.clock)
        self.assertEqual((fresh.takes_upgrades, self.gateway.takes_upgrades), (False, True))
        self.gateway.takes_upgrades = False
        self.assertEqual(self.say(request()).status, 503)


class HandshakeFieldsTests(UpgradeCase):
    def test_the_fields_of_a_handshake_are_those_of_rfc_6455(self) -> None:
        answer = self.say(request()).received
        self.assertIn(b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", answer)
        self.assertIn(f"\r\ntrace: {HANDSHAKE['trace']}\r\n".encode(), answer)
