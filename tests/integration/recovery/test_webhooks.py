"""Webhooks of a server with a data directory that ends and starts again."""

from __future__ import annotations

import os
import signal
from typing import Any

from tests.support.daemon_process import DaemonTestCase, Process
from tests.support.webhooks.receiver import SECRET, Hook, start_hook

EVENTS = "user.online,user.offline,message.sent"


class WebhookTests(DaemonTestCase):
    def setUp(self) -> None:
        self.hook: Hook = start_hook(self)
        self.data = os.path.abspath(self.mktemp())
        os.mkdir(self.data, 0o700)

    async def begin(self) -> Process:
        environment: Any = {"GIM_WEBHOOK_SECRET": SECRET}
        words = "--webhook-url", self.hook.url, "--webhook-events", EVENTS, "--webhook-grace", "100ms"
        return await self.daemon("--data-dir", self.data, "--drain", "0", *words, **environment)

    async def check_a_restart(self, number: int, status: int | None) -> None:
        process = await self.begin()
        ann = await self.client()
        await ann.ask(101, id="ann")
        await ann.ask(201, type=2, target_id="bob", content="x")
        await self.hook.tells("message.sent", "ann")
        process.signal(number)
        self.assertEqual(await process.exited, status)
        self.assertNotIn(("user.offline", "ann"), self.hook.told())
        await self.begin()
        await self.hook.tells("user.offline", "ann")
        events = self.hook.events()
        self.assertEqual(
            [event["type"] for event in events], ["user.online", "message.sent", "user.offline"]
        )
        first = events[0]["number"]
        self.assertEqual([event["number"] for event in events], [first, first + 1, first + 2])

    async def test_after_a_stop_numbers_go_on_and_who_does_not_come_back_is_offline(self) -> None:
        await self.check_a_restart(signal.SIGTERM, 0)

    async def test_after_a_crash_too(self) -> None:
        await self.check_a_restart(signal.SIGKILL, None)


class WorkerTests(WebhookTests):
    worker_count = 2
