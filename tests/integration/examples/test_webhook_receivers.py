"""examples/webhook_receiver.py and webhook_receiver.mjs, which do the same."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.protocols.basic import LineReceiver
from twisted.python.filepath import FilePath
from twisted.web.http_headers import Headers

from gim.webhooks.signature import sign
from tests.support.daemon_process import PATIENCE, DaemonTestCase, Process
from tests.support.paths import ROOT

EXAMPLES = ROOT.child("examples")
NODE_MISSING = "" if shutil.which("node") else "node is missing: install Node 20 or newer"
MAX_BODY = 2**20  # bytes, of both
OLD = 301  # seconds
AHEAD = 400  # seconds: more than 300, also when the request is sent a while after it was signed


class FirstLine(LineReceiver):
    """Waits for the first line that comes."""

    transport: Any

    def __init__(self) -> None:
        self.first_line: Deferred[bytes] = Deferred()

    def lineReceived(self, line: bytes) -> None:
        if not self.first_line.called:
            self.first_line.callback(line)


class PythonTests(DaemonTestCase):
    words: tuple[str, ...] = ("python", EXAMPLES.child("webhook_receiver.py").path)

    async def start(self) -> Process:
        """Start the receiver, with a key that was made for it."""
        self.key = FilePath(self.mktemp())
        made = self.spawn("gim-token", "key", "--key-file", self.key.path)
        self.assertEqual(await made.exited, 0)
        receiver = self.spawn(*self.words, "0", self.key.path)
        port = int((await receiver.says(r"listens on port (\d+)"))[1])
        self.url = f"http://127.0.0.1:{port}/"
        self.port = port
        return receiver

    async def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        given = Headers({name: [value] for name, value in headers.items()})
        response = await treq.post(self.url, body, headers=given, persistent=False)
        return response.code

    async def connect(self, data: bytes) -> FirstLine:
        """Open a connection, and write to it."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        connection: FirstLine = await connectProtocol(endpoint, FirstLine())
        connection.transport.write(data)
        self.addCleanup(connection.transport.abortConnection)
        return connection

    def signed(self, body: bytes, age: float = 0.0) -> dict[str, str]:
        """Return the headers of a body that was sent so many seconds ago."""
        timestamp = int(time.time() - age)
        signature = sign(self.key.getContent().strip(), timestamp, body)
        return {"Gim-Timestamp": str(timestamp), "Gim-Signature": signature}

    def event(self, id: str, **data: Any) -> bytes:
        event = {"id": id, "type": "message.sent", "user_id": "ann", "number": 1, "time": 2, "data": data}
        return json.dumps(event).encode()

    def printed(self, receiver: Process) -> list[str]:
        return receiver.output[1].splitlines()[1:]

    async def test_it_prints_what_gim_sends(self) -> None:
        receiver = await self.start()
        await self.daemon("--webhook-url", self.url, "--webhook-secret-file", self.key.path)
        ann = await self.client()
        await ann.ask(101, id="ann")
        await ann.ask(201, type=2, target_id="bob", content="hi")
        await receiver.says(r'user.online ann \{\}\nmessage.sent ann \{"message":\{"id":.*"content":"hi"')

    async def test_an_event_that_comes_again_is_printed_once(self) -> None:
        receiver = await self.start()
        for id in "1", "1", "2", "1":
            body = self.event(id, event=id, text="grüß dich")
            self.assertEqual(await self.post(body, self.signed(body)), 204)
        await receiver.says('"event":"2"')
        line = 'message.sent ann {{"event":"{}","text":"grüß dich"}}'
        self.assertEqual(self.printed(receiver), [line.format("1"), line.format("2")])

    async def test_what_gim_did_not_send_or_sent_long_ago_is_refused(self) -> None:
        receiver = await self.start()
        body = self.event("1")
        signed = self.signed(body)
        rows: list[tuple[dict[str, str], int]] = [
            ({}, 401),
            (signed | {"Gim-Signature": signed["Gim-Signature"][:-1]}, 401),
            (signed | {"Gim-Signature": "v1=" + "0" * 64}, 401),
            (signed | {"Gim-Signature": "v1=" + "é" * 64}, 401),
            (signed | {"Gim-Timestamp": "1"}, 401),
            (self.signed(body, OLD), 400),
            (self.signed(body, -AHEAD), 400),
        ]
        for headers, status in rows:
            self.assertEqual(await self.post(body, headers), status, headers)
        self.assertEqual(await self.post(body + b" ", signed), 401)
        too_long = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1)
        answered = (await self.connect(too_long)).first_line
        self.assertIn(b" 413 ", await answered.addTimeout(PATIENCE, reactor))
        response = await treq.get(self.url, persistent=False)
        self.assertEqual(response.code, 501)
        self.assertEqual(await self.post(body, signed), 204)
        await receiver.says("message.sent ann {}")
        self.assertEqual(self.printed(receiver), ["message.sent ann {}"])

    async def test_it_outlives_a_connection_that_breaks(self) -> None:
        receiver = await self.start()
        broken = await self.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        broken.transport.abortConnection()
        body = self.event("1")
        self.assertEqual(await self.post(body, self.signed(body)), 204)
        await receiver.says("message.sent ann {}")


class NodeTests(PythonTests):
    words = (shutil.which("node") or "", EXAMPLES.child("webhook_receiver.mjs").path)
    if NODE_MISSING:
        skip = NODE_MISSING
