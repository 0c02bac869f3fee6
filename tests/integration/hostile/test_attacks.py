"""What an attack on a running daemon comes to: ann is answered, memory is bounded, and it passes."""

from __future__ import annotations

import resource
import socket

from tests.support.daemon_process import SCRIPTS
from tests.support.hostile.attacks import HANDSHAKE, AttackCase
from tests.support.hostile.inputs import frame

MIB = 2**20
RUSH = 3000  # connections
WAVE = 250

LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
os.execv(sys.argv[1], sys.argv[1:])
"""


class ConnectionTests(AttackCase):
    """Connections, as many and as fast as one machine makes them."""

    def setUp(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < RUSH + 500:
            self.skipTest(f"{hard} open files are too few")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, RUSH + 500), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    async def rush(self, port: int, count: int, say: bytes = b"") -> None:
        """Connect at full speed; ann is answered after each wave."""
        for _ in range(count // WAVE):
            for _ in range(WAVE):
                self.connect(port, say)
            await self.ann_is_answered()

    async def test_thousands_that_say_nothing_are_dropped_in_time(self) -> None:
        await self.attacked()
        await self.rush(self.ws, RUSH)
        self.assertLess(self.grown(), RUSH * 32 * 1024)
        await self.eventually(lambda count: count == 1, "the end of all handshakes")

    async def test_handshakes_with_a_byte_now_and_then_are_dropped_as_well(self) -> None:
        await self.attacked()
        slow = [self.connect(self.ws) for _ in range(WAVE)]
        at = 0
        while await self.connections() > 1:
            for each in slow:
                self.say(each, HANDSHAKE[at : at + 1])
            at += 1
            self.assertLess(at, len(HANDSHAKE) - 2, "never done, but never dropped")
            await self.turn(0.1)

    async def test_those_that_come_and_go_leave_nothing(self) -> None:
        await self.attacked()
        grown = []
        for _ in range(4):
            await self.rush(self.ws, WAVE * 2, HANDSHAKE + frame(b'{"op":105}'))
            self.hang_up()
            await self.eventually(lambda count: count == 1, "their end")
            grown.append(self.grown())
        self.assertLess(grown[-1] - grown[0], 8 * MIB)

    async def test_without_open_files_those_connected_go_on_and_others_come_when_there_are_some(
        self,
    ) -> None:
        path = SCRIPTS.child("twistd").path
        await self.attacked(script=("python3", "-c", LIMITED, path, "-n", "--pidfile=", "gim"))
        await self.rush(self.ws, WAVE * 4)
        await self.rush(self.http, WAVE * 2)
        self.hang_up()
        await self.eventually(lambda count: count == 1, "their end")
        bob = await self.client()
        await bob.ask(101, id="bob")

    async def test_half_open_peers_are_gone_after_the_heartbeat_interval(self) -> None:
        await self.attacked("--heartbeat-interval", "1s")
        login = frame(b'{"op":101,"body":{"id":"bob"}}')
        for _ in range(WAVE):
            self.connect(self.ws, HANDSHAKE + login)  # they never read, nor answer pings
        await self.eventually(lambda count: count == WAVE + 1, "their coming")
        await self.eventually(lambda count: count == 1, "their end")
        await self.process.says(r"connection of bob .* ended, 3012")


class UnreadTests(AttackCase):
    """Peers that send, and never read."""

    async def flood(self, deaf: list[socket.socket], more: bytes, rounds: int) -> None:
        for _ in range(rounds):
            for each in deaf:
                self.say(each, more)
            await self.ann_is_answered()

    async def test_pings(self) -> None:
        await self.attacked("--max-unsent", "64KiB", "--max-packet-rate", "0")
        pings, deaf = frame(b"x" * 125, 0x89) * 400, await self.opened(3)
        closed = self.process.says(r"connection of unknown user .* ended, 3008")
        for _ in range(20):  # 60 MB at most; the kernel takes some of it
            if not closed.called:
                await self.flood(deaf, pings, rounds=20)
        await closed
        self.assertLess(self.grown(), 40 * MIB)

    async def test_requests_over_websocket(self) -> None:
        await self.attacked("--max-unsent", "64KiB")
        deaf = await self.opened(10, frame(b'{"op":101,"body":{"id":"bob"}}'))
        requests = frame(b'{"op":205,"body":{"count":200}}') * 500
        await self.flood(deaf, requests, rounds=20)
        self.assertLess(self.grown(), 60 * MIB)

    async def test_requests_over_http(self) -> None:
        await self.attacked()
        requests = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200
        await self.flood([self.connect(self.http) for _ in range(30)], requests, rounds=20)
        self.assertLess(self.grown(), 60 * MIB)


class BodyTests(AttackCase):
    """Bodies that are endless, deep, huge, or no text."""

    async def test_endless_bodies_and_fragments_cost_no_memory(self) -> None:
        await self.attacked()
        chunks = (b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n") * 4
        head = b"POST /v1/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        posting = [self.connect(self.http, head) for _ in range(10)]
        pieces = await self.opened(5, frame(b"", 0x01))
        for _ in range(20):
            for each in posting:
                self.say(each, chunks)
            for each in pieces:
                self.say(each, frame(b"", 0x00) * 2000)
            await self.ann_is_answered()
        self.assertLess(self.grown(), 40 * MIB)
        await self.process.says(r"connection of unknown user .* ended, 1009")

    async def test_deep_json_huge_numbers_and_broken_text_are_refused_in_a_sentence(self) -> None:
        await self.attacked()
        for text in (
            "[" * 60000,
            '{"op":105,"body":' + '{"a":' * 10000 + "1" + "}" * 10000 + "}",
            '{"op":' + "9" * 60000 + "}",
            '{"op":105,"seq":1e' + "9" * 60000 + "}",
            '{"op":1e400}',
            r'{"op":101,"body":{"id":"\ud800"}}',
        ):
            self.ann.say(text)
            packet = await self.ann.packet()
            self.assertEqual(packet["body"]["code"], 400, text[:40])
            self.assertLess(len(packet["body"]["msg"]), 200)
        eve = await self.client()
        eve.sendMessage(b'{"op":105,"body":"\xff\xfe"}', False)
        self.assertEqual(await eve.closed, 1007)
        await self.ann_is_answered()
