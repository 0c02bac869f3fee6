"""gim backup, dump and log verify of a daemon that stores messages all the while."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from twisted.internet.defer import Deferred

from gim.wire.requests import Op
from tests.support.daemon_process import Client, DaemonTestCase
from tests.support.dumps import Dump

SEGMENT = "1MiB"  # so that a log is full after some 500 messages
CONTENT = "x" * 2000
IN_FLIGHT = 20
BACKUPS = 2


class Sender(Client):
    """Sends without a pause from the login on, and keeps the ids of what is acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self.is_stopped = False
        self.wanted: tuple[int, Deferred[None]] | None = None
        self.left = 0  # replies that are still to come
        self.done: Deferred[None] = Deferred()

    def begin(self) -> None:
        for _ in range(IN_FLIGHT):
            self._send()

    def _send(self) -> None:
        self.left += 1
        self.request(Op.SEND, type=2, target_id="bob", content=CONTENT)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        packet = json.loads(payload)
        if packet["op"] != Op.SEND + 1:
            super().onMessage(payload, isBinary)
            return
        self.left -= 1
        body = json.loads(packet["body"])
        assert body["code"] == 0, body
        self.acknowledged.append(body["data"]["id"])
        if self.wanted is not None and len(self.acknowledged) >= self.wanted[0]:
            (_, reached), self.wanted = self.wanted, None
            reached.callback(None)
        if not self.is_stopped:
            self._send()
        elif not self.left:
            self.done.callback(None)

    def reaches(self, count: int) -> Deferred[None]:
        """Fire when so many messages are acknowledged."""
        reached: Deferred[None] = Deferred()
        self.wanted = count, reached
        return reached

    async def stop(self) -> None:
        """Send no more; return when all is answered."""
        self.is_stopped = True
        await self.done


class BackupTests(DaemonTestCase):
    """What was acknowledged before a command began is in what it makes."""

    timeout = 120

    def setUp(self) -> None:
        self.data = os.path.abspath(self.mktemp())
        os.mkdir(self.data, 0o700)

    async def begun(self, path: str = "") -> Any:
        words = "--data-dir", path or self.data, "--segment-size", SEGMENT, "--limits", "dry-run"
        return await self.daemon(*words)

    async def sender(self) -> Sender:
        sender = await self.client(Sender)
        await sender.ask(Op.LOGIN, id="ann")
        sender.begin()
        return sender

    async def gim(self, *words: str) -> str:
        """Run a command that succeeds; return what it prints."""
        process = self.spawn("gim", *words)
        self.assertEqual(await process.exited, 0, process.output)
        return process.output[1]

    async def ids_in(self, path: str) -> set[str]:
        dump = Dump(await self.gim("dump", "--data-dir", path))
        return {line["id"] for line in dump.of("message")}

    async def test_a_backup_has_all_that_was_acknowledged_before_it_began(self) -> None:
        await self.begun()
        sender = await self.sender()
        copies: list[tuple[str, set[str]]] = []
        for number in range(1, BACKUPS + 1):
            await sender.reaches(len(sender.acknowledged) + 700)
            before, copy = set(sender.acknowledged), f"{self.data}-{number}"
            await self.gim("backup", "--data-dir", self.data, copy)
            copies.append((copy, before))
        await sender.stop()
        for copy, before in copies:
            await self.gim("log", "verify", copy)
            found = await self.ids_in(copy)
            self.assertEqual(before - found, set())
            self.assertEqual(found - set(sender.acknowledged), set())

    async def test_a_daemon_starts_on_a_backup(self) -> None:
        process = await self.begun()
        sender = await self.sender()
        await sender.reaches(1200)
        before, copy = set(sender.acknowledged), f"{self.data}-copy"
        await self.gim("backup", "--data-dir", self.data, copy)
        await sender.stop()
        process.signal(signal.SIGKILL)
        await process.exited
        await self.begun(copy)
        client = await self.client()
        await client.ask(Op.LOGIN, id="ann")
        newest = await client.ask(Op.HISTORY, session_id="2:ann:bob", count=1)
        self.assertGreaterEqual(newest["items"][0]["id"], max(before))
        self.assertEqual(before - await self.ids_in(copy), set())

    async def test_a_dump_and_a_check_of_a_directory_in_use(self) -> None:
        await self.begun()
        sender = await self.sender()
        await sender.reaches(700)
        before = set(sender.acknowledged)
        found = await self.ids_in(self.data)
        self.assertNotIn("damaged", await self.gim("log", "verify", self.data))
        await sender.stop()
        self.assertEqual(before - found, set())
        stats = json.loads(await self.gim("log", "stats", self.data, "--json"))
        self.assertEqual(stats["live_messages"], len(sender.acknowledged))
