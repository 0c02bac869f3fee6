"""Limits as strangers meet them, and clients behind proxies: real processes, sockets and bytes."""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
from typing import Any

import treq
from twisted.internet import reactor
from twisted.python.filepath import FilePath

from gim.gateway.packet_rate import MAX_REJECTED_IN_A_ROW
from tests.support.daemon_process import PATIENCE, DaemonTestCase, Process

FREE = "tcp:0:interface=127.0.0.1"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
CLIENT, OTHER = "198.51.100.7", "198.51.100.8"


def version_1(client: str) -> bytes:
    """Return a PROXY header in text."""
    family = "TCP6" if ":" in client else "TCP4"
    own = "::1" if ":" in client else "127.0.0.1"
    return f"PROXY {family} {client} {own} 50000 8080\r\n".encode()


def version_2(client: str) -> bytes:
    """Return a PROXY header in binary, with a field (TLV) that gim does not know."""
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    own = "::1" if ":" in client else "127.0.0.1"
    addresses = socket.inet_pton(family, client) + socket.inet_pton(family, own)
    rest = addresses + struct.pack("!2H", 50000, 8080) + b"\x04\x00\x03abc"
    kind = 0x21 if ":" in client else 0x11
    return b"\r\n\r\n\x00\r\nQUIT\n" + struct.pack("!BBH", 0x21, kind, len(rest)) + rest


LOCAL = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"  # a proxy's own health check


class LimitTestCase(DaemonTestCase):
    def connect(self) -> socket.socket:
        stranger = socket.create_connection(("127.0.0.1", self.ws), timeout=PATIENCE)
        self.addCleanup(stranger.close)
        return stranger

    def shake(self, *headers: str, before: bytes = b"") -> tuple[str, socket.socket]:
        """Send a handshake; return the head of the answer and the socket, which stays open."""
        stranger = self.connect()
        lines = "".join(f"{header}\r\n" for header in headers).encode()
        stranger.sendall(before + HANDSHAKE + lines + b"\r\n")
        return stranger.recv(4096).decode(), stranger

    def status(self, *headers: str, before: bytes = b"") -> int:
        answer, _ = self.shake(*headers, before=before)
        return int(answer.split()[1]) if answer else 0

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        given: Any = headers
        response = await treq.get(
            f"http://127.0.0.1:{self.http}{path}", headers=given, persistent=False, timeout=PATIENCE
        )
        return response.code, await response.text()

    async def hits(self, limit: str) -> float:
        _, page = await self.get("/metrics")
        found = re.search(rf'^gim_limit_hits_total{{limit="{limit}"}} (\S+)$', page, re.MULTILINE)
        assert found is not None, page
        return float(found[1])


class ConnectionTests(LimitTestCase):
    async def test_a_full_server_says_so_and_serves_those_who_are_in(self) -> None:
        await self.daemon("--max-connections", "3")
        ann = await self.client()
        await ann.ask(101, id="ann")
        held = [self.shake() for _ in range(2)]
        refused = [self.shake() for _ in range(20)]
        self.assertEqual([answer.split()[1] for answer, _ in held], ["101"] * 2)
        for answer, stranger in refused:
            self.assertIn(
                "HTTP/1.1 503 too many connections: try again later\r\nRetry-After: 5\r\n", answer
            )
            self.assertEqual(stranger.recv(100), b"")
        self.assertEqual(await self.hits("max-connections"), 20)
        await ann.ask(105)
        held[0][1].close()
        while self.status() != 101:  # until it has noticed
            await ann.ask(105)

    async def test_a_user_has_so_many_connections(self) -> None:
        await self.daemon("--max-user-connections", "1")
        first, second = await self.client(), await self.client()
        await first.ask(101, id="ann")
        second.request(101, id="ann")
        self.assertEqual((await second.packet())["body"]["code"], 409)
        self.assertEqual(await second.closed.addTimeout(PATIENCE, reactor), 3504)
        await first.ask(105)

    async def test_a_dry_run_refuses_nobody_and_says_who_would_be(self) -> None:
        process = await self.daemon("--max-connections", "1", "--limits", "dry-run", "--drain", "0")
        visits = [self.shake() for _ in range(5)]
        self.assertEqual([answer.split()[1] for answer, _ in visits], ["101"] * 5)
        self.assertEqual(await self.hits("max-connections"), 4)
        for _, stranger in visits:
            stranger.close()
        process.signal(signal.SIGTERM)
        await process.says(r"limits were reached \(dry run\): --max-connections 4 times")


class FloodTests(LimitTestCase):
    async def test_who_sends_too_fast_is_refused_then_closed_and_others_are_served(self) -> None:
        process = await self.daemon()
        ann, bob = await self.client(), await self.client()
        for client, user_id in (ann, "ann"), (bob, "bob"):
            await client.ask(101, id=user_id)
        for seq in range(1, 20_001):
            ann.say(f'{{"op":105,"seq":{seq}}}')
        await bob.ask(105)
        self.assertEqual(await ann.closed.addTimeout(PATIENCE, reactor), 3013)
        replies = [json.loads(await ann.next()) for _ in range(ann.texts.size or len(ann.texts.pending))]
        codes = [json.loads(reply["body"])["code"] for reply in replies]
        self.assertEqual([reply["seq"] for reply in replies], list(range(1, len(replies) + 1)))
        self.assertEqual(set(codes), {0, 429})
        self.assertEqual(codes[-MAX_REJECTED_IN_A_ROW:], [429] * MAX_REJECTED_IN_A_ROW)
        self.assertGreaterEqual(codes.count(0), 1999)
        await process.says("connection of ann from .* ended, 3013")
        await bob.ask(105)


class ProxyTests(LimitTestCase):
    async def test_who_is_trusted_says_where_clients_are(self) -> None:
        process = await self.daemon("--trusted-proxies", "127.0.0.1", "--max-address-connections", "1")
        forwarded = f"X-Forwarded-For: {OTHER}, {CLIENT}"
        answer, stranger = self.shake(forwarded)
        self.assertIn(" 101 ", answer)
        answer, _ = self.shake(forwarded)
        self.assertIn("HTTP/1.1 429 too many connections from this address", answer)
        self.assertIn("\r\nRetry-After: 5\r\n", answer)
        self.assertEqual(self.status(f"X-Forwarded-For: {OTHER}"), 101)
        stranger.close()
        await process.says(f"connection of unknown user from {CLIENT} ended, 1006")
        await self.get("/healthz", **{"X-Forwarded-For": f"{OTHER}, {CLIENT}"})
        await process.says(f"/healthz 200 .* from {CLIENT} ")

    async def test_who_is_not_is_not_believed(self) -> None:
        process = await self.daemon("--max-address-connections", "1")
        self.assertEqual([self.status(f"X-Forwarded-For: 198.51.100.{n}") for n in (1, 2)], [101, 429])
        await self.get("/healthz", **{"X-Forwarded-For": CLIENT})
        await process.says("/healthz 200 .* from 127.0.0.1 ")

    async def behind(self, *options: str) -> Process:
        """Start gim where all connections begin with a PROXY header."""
        words = "--ws", f"haproxy:{FREE}", "--http", f"haproxy:{FREE}", *options
        process = self.spawn("twistd", "-n", "gim", *words)
        await self.listens(process)
        return process

    async def test_the_proxy_protocol_says_where_clients_are(self) -> None:
        process = await self.behind("--max-address-connections", "1")
        for number, header in enumerate((version_1, version_2)):
            client, other = f"198.51.100.{number}", f"2001:db8:{number}::1"
            for address in client, other:
                self.assertEqual(self.status(before=header(address)), 101, header(address))
                self.assertEqual(self.status(before=header(address)), 429, header(address))
            self.assertEqual(self.status(before=header(f"{other}:2")), 429)  # of the same /64
        _, stranger = self.shake(before=version_2(CLIENT))
        stranger.close()
        await process.says(f"connection of unknown user from {CLIENT} ended, 1006")

    async def test_what_lacks_the_header_is_dropped(self) -> None:
        await self.behind()
        self.assertEqual(self.status(), 0)
        self.assertEqual(self.status(before=b"PROXY TCP9 a b c d\r\n"), 0)
        self.assertEqual(self.status(before=version_1(CLIENT)), 101)
        self.assertEqual(self.status(before=b"PROXY UNKNOWN\r\n"), 101)

    async def test_a_chat_through_it(self) -> None:
        process = await self.behind()
        stranger = self.connect()
        stranger.sendall(version_2(CLIENT) + HANDSHAKE + b"\r\n")
        self.assertIn(b" 101 ", stranger.recv(4096))
        payload = b'{"op":101,"body":{"id":"ann"}}'
        stranger.sendall(struct.pack("!BB4x", 0x81, 0x80 | len(payload)) + payload)
        self.assertIn(b'\\"ann\\"', stranger.recv(4096))
        stranger.sendall(b"\x88\x82\0\0\0\0\x03\xe8")
        await process.says(f"connection of ann from {CLIENT} ended, 1000")

    async def test_http_through_it(self) -> None:
        process = await self.behind("--profiling")
        for header, seen, status in (
            (version_1(CLIENT), CLIENT, 403),  # profiles are for this machine
            (version_2("2001:db8::7"), "2001:db8::7", 403),
            (LOCAL, "127.0.0.1", 200),
            (b"PROXY UNKNOWN\r\n", "127.0.0.1", 200),
        ):
            with socket.create_connection(("127.0.0.1", self.http), timeout=PATIENCE) as stranger:
                request = b"GET /debug/pprof/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                stranger.sendall(header + request)
                self.assertEqual(int(stranger.recv(4096).split()[1]), status)
            await process.says(f"/debug/pprof/ {status} .* from {seen} ")

    async def test_open_mode_keeps_it_to_this_machine(self) -> None:
        process = self.spawn("twistd", "-n", "gim", "--ws", FREE, "--http", "haproxy:tcp:0")
        await process.says(r"api listens on 127.0.0.1:\d+")


class OverloadTests(LimitTestCase):
    async def test_a_process_with_too_much_memory_lets_nobody_new_in(self) -> None:
        options = "--max-memory", "128MiB", "--max-content", "60000", "--max-send-rate", "0"
        process = await self.daemon(*options, "--max-packet-rate", "0")
        ann = await self.client()
        await ann.ask(101, id="ann")
        while await self.get("/readyz") == (200, '{"code":0,"msg":"","data":{}}'):
            for n in range(200):
                await ann.ask(201, type=2, target_id="bob", content=f"{n}" * 15_000)
        await process.says(r"overloaded: \d+ MiB are in use, see --max-memory")
        answer, _ = self.shake()
        self.assertIn("HTTP/1.1 503 the server is overloaded: try again later\r\nRetry-After: 5", answer)
        status, body = await self.get("/readyz")
        self.assertEqual((status, json.loads(body)["data"]), (503, {"reason": "overloaded"}))
        _, page = await self.get("/metrics")
        self.assertIn('\ngim_overloaded{limit="max-memory"} 1.0\n', page)
        self.assertEqual(await self.hits("max-memory"), 1)
        await ann.ask(105)


class StartTests(DaemonTestCase):
    async def test_a_port_behind_a_proxy_that_is_taken_is_said_in_one_line(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            words = "--ws", f"haproxy:tcp:{port}:interface=127.0.0.1", "--http", FREE
            process = self.spawn("twistd", "-n", "gim", *words)
            self.assertEqual(await process.exited, 1)
        self.assertRegex(process.output[2], r"\Agim: gateway: cannot listen on 127.0.0.1:\d+: [^\n]+\n\Z")
        self.assertEqual(FilePath(self.directory.path).children(), [])
