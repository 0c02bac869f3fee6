"""A client that stops reading, with real sockets and the kernel's buffers in between."""

from __future__ import annotations

import json

from tests.support.daemon_process import DaemonTestCase, Process

SENT = 12_000_000  # bytes: more than the kernel and gim together hold for one connection


class SlowReaderTests(DaemonTestCase):
    async def test_it_is_let_go_with_3008_and_nobody_else_suffers(self) -> None:
        process = await self.daemon("--max-unsent", "64KiB", "--limits", "dry-run")
        deaf, ann = await self.client(), await self.client()
        await deaf.ask(101, id="deaf")
        await ann.ask(101, id="ann")
        deaf.transport.pauseProducing()
        gone = process.says("connection of deaf .* ended, 3008")
        for _ in range(SENT // (50 * 4000)):
            for _ in range(50):
                body = {"type": 2, "target_id": "deaf", "content": "x" * 4000}
                ann.say(json.dumps({"op": 201, "body": body}))
            for _ in range(50):
                self.assertIn('\\"code\\":0', await ann.next())
        await gone
        page = await ann.ask(203, session_id="2:ann:deaf", count=1)
        self.assertEqual(len(page["items"]), 1)


class OverHttpTests(SlowReaderTests):
    handshake_path = "/ws"

    async def listens(self, process: Process) -> None:
        """Let clients connect to the HTTP address."""
        await super().listens(process)
        self.ws = self.http
