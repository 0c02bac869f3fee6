"""Whatever a client calls itself and asks for, it writes no line of the log but its own."""

from __future__ import annotations

import json
import signal
import socket

from tests.support.daemon_process import PATIENCE, DaemonTestCase
from tests.support.hostile.attacks import HANDSHAKE, QUICK
from tests.support.hostile.inputs import frame
from tests.support.hostile.watch import check_json

FORGED = "2026-01-01T00:00:00+0000 [gim.forged#info] user admin logged in"
ESCAPES = "\x1b[2J\x1b]0;x\x07\x08\x7f\x9b31m"
BIDI = "\u202e\u2066\u200f\ufeff"
TEXTS = (
    f"\n{FORGED}",
    f"\r\n{FORGED}\r\n",
    f"\u2028{FORGED}",
    f"\x85{FORGED}",
    f"\x0b\x0c\x1e{FORGED}",
    ESCAPES,
    BIDI,
)


class LogInjectionTests(DaemonTestCase):
    async def lines(self, *options: str) -> list[str]:
        """Return the lines that a daemon logs of clients that say such things everywhere."""
        process = await self.daemon(*QUICK, *options)
        for text in TEXTS:
            self.over_http(text.encode())
            self.over_websocket(text)
        ann = await self.client()
        for text in TEXTS:
            for body in ({"id": text}, {"id": "ann", "name": text[:64]}, {"id": "ann", "token": text}):
                ann.request(101, **body)
                await ann.packet()
            ann.request(301, id="den", name=text[:64])
            await ann.packet()
        ann.sendClose(1000, "\n" + FORGED[:100])
        await ann.closed
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)
        return process.output[1].split("\n")[:-1]

    def over_http(self, text: bytes) -> None:
        for request in (
            b"GET /v1/users/%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % text,
            b"GET /v1/users/a%%0a%%0d%%1b%%E2%%80%%AE?x=%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % text,
            b"%s / HTTP/1.1\r\nHost: localhost\r\n\r\n" % text,
            b"GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\ntrace: %s\r\n\r\n" % (text, text, text),
            b"GET /\x7f\x80\x9b HTTP/1.1\r\nHost: localhost\r\ntraceparent: %s\r\nOrigin: %s\r\n\r\n"
            % (text, text),
        ):
            self.tell(self.http, request)

    def over_websocket(self, text: str) -> None:
        shake, raw = HANDSHAKE[:-2], text.encode()
        for request in (
            shake + b"trace: %s\r\nX-Forwarded-For: %s\r\nOrigin: %s\r\n\r\n" % (raw, raw, raw),
            shake + b"Sec-WebSocket-Protocol: %s\r\nUser-Agent: %s\r\n\r\n" % (raw, raw),
            b"GET /%s HTTP/1.1\r\n\r\n" % raw,
            HANDSHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ", raw),
        ):
            self.tell(self.ws, request)
        self.tell(self.ws, HANDSHAKE, frame(b"\x03\xe8" + raw[:100], 0x88))

    def tell(self, port: int, *words: bytes) -> None:
        """Say these, each when the one before was answered."""
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as made:
            for word in words:
                made.sendall(word)
                made.recv(1024)

    async def test_as_text(self) -> None:
        lines = await self.lines()
        for line in lines:
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT[\d:]+[+-]\d{4} \[[\w.#-]+\] ")
            self.assertTrue(line.isprintable(), repr(line))
            self.assertFalse(line.startswith(FORGED), line)
        self.assertIn("forged", "".join(lines))  # it was there to be escaped

    async def test_as_json(self) -> None:
        lines = await self.lines("--log-format", "json")
        parsed = [check_json(line + "\n") for line in lines]
        self.assertEqual({one["logger"] for one in parsed if "forged" in one["logger"]}, set())
        for one in parsed:
            self.assertLessEqual({"time", "level", "logger", "message"}, one.keys())
        self.assertIn("forged", json.dumps([one["message"] for one in parsed]))
