"""Webhooks of a real daemon: what a backend gets."""

from __future__ import annotations

import re
import signal
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath

from tests.support.daemon_process import DaemonTestCase, Process
from tests.support.paths import ROOT
from tests.support.redis.environment import write_certificate
from tests.support.webhooks.receiver import SECRET, Hook, silent, start_hook, verify


class WebhookCase(DaemonTestCase):
    def setUp(self) -> None:
        self.hook: Hook = start_hook(self)

    async def gim(self, *options: str, **environment: str) -> Process:
        """Start a daemon that tells the hook."""
        words = ("--webhook-url", self.hook.url, *options)
        environment.setdefault("GIM_WEBHOOK_SECRET", SECRET)
        process: Process = await self.daemon(*words, **environment)  # type: ignore[arg-type]
        return process

    async def metrics(self) -> dict[str, float]:
        response = await treq.get(f"http://127.0.0.1:{self.http}/metrics", persistent=False)
        found = re.findall(r"^(gim_webhook_\S+) (\S+)$", await response.text(), re.MULTILINE)
        return {name: float(value) for name, value in found}


class DaemonTests(WebhookCase):
    async def test_a_backend_is_told_all_in_order_and_signed(self) -> None:
        await self.gim("--webhook-grace", "100ms", "--drain", "0")
        ann = await self.client()
        await ann.ask(101, id="ann", name="Ann")
        await ann.ask(301, id="den")
        sent = await ann.ask(201, type=2, target_id="bob", content="hi")
        url = f"http://127.0.0.1:{self.http}/v1"
        login = await treq.json_content(
            await treq.post(f"{url}/login", json={"id": "bob"}, persistent=False)
        )
        headers: Any = {"Authorization": f"Bearer {login['data']['token']}"}
        await treq.put(f"{url}/chatrooms/den/members/me", headers=headers, json={}, persistent=False)
        await ann.ask(303, id="den")
        ann.sendClose(1000)
        await self.hook.tells("user.offline", "ann")
        await self.hook.tells("chatroom.joined", "bob")
        of_ann = [event for event in self.hook.events() if event["user_id"] == "ann"]
        expected = ["user.online", "chatroom.joined", "message.sent", "chatroom.left", "user.offline"]
        self.assertEqual([event["type"] for event in of_ann], expected)
        first = of_ann[0]["number"]
        self.assertEqual([event["number"] for event in of_ann], list(range(first, first + 5)))
        message = of_ann[2]["data"]["message"]
        self.assertEqual(of_ann[2]["id"], sent["id"])
        self.assertEqual((message["sender"], message["content"]), ({"id": "ann", "name": "Ann"}, "hi"))
        self.assertTrue(all(verify(*request) for request in self.hook.requests))
        self.assertNotIn(("user.online", "bob"), self.hook.told())

    async def test_a_quick_reconnect_is_nothing(self) -> None:
        process = await self.gim("--webhook-events", "user.online,user.offline", "--drain", "0")
        for _ in range(3):
            client = await self.client()
            await client.ask(101, id="ann")
            client.sendClose(1000)
            await client.gone
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)
        self.assertEqual(self.hook.told(), [("user.online", "ann"), ("user.offline", "ann")])

    async def test_it_tries_again_until_the_receiver_is_well(self) -> None:
        self.hook.answers = [500, 429, 503]
        process = await self.gim("--webhook-events", "message.sent")
        ann = await self.client()
        await ann.ask(101, id="ann")
        for content in "123":
            await ann.ask(201, type=2, target_id="bob", content=content)
        await self.hook.until(lambda: len(self.hook.requests) == 6, "six attempts")
        contents = [event["data"]["message"]["content"] for event in self.hook.events()]
        self.assertEqual(contents, ["1", "1", "1", "1", "2", "3"])
        self.assertEqual(len({event["id"] for event in self.hook.events()}), 3)
        await process.says(r"webhooks: 1 attempts failed, the last one with status 500; .* none; \d wait")
        metrics = await self.metrics()
        self.assertEqual(metrics["gim_webhook_retries_total"], 3)
        self.assertEqual(metrics["gim_webhook_duration_seconds_count"], 6)
        self.assertEqual(metrics['gim_webhook_delivered_total{event="message.sent"}'], 3)
        self.assertEqual(metrics["gim_webhook_queued_events"], 0)

    async def test_what_is_refused_is_dropped_and_counted(self) -> None:
        self.hook.answers = [404, 302]
        await self.gim("--webhook-events", "message.sent")
        ann = await self.client()
        await ann.ask(101, id="ann")
        for content in "123":
            await ann.ask(201, type=2, target_id="bob", content=content)
        await self.hook.until(lambda: len(self.hook.requests) == 3, "three attempts")
        metrics = await self.metrics()
        self.assertEqual(metrics['gim_webhook_dropped_total{reason="refused"}'], 2)

    async def test_a_receiver_that_hangs_holds_up_nobody(self) -> None:
        self.hook.answers = [silent] * 1000
        process = await self.gim("--drain", "0")
        ann, bob = await self.client(), await self.client()
        await ann.ask(101, id="ann")
        await bob.ask(101, id="bob")
        for number in range(100):
            await ann.ask(201, type=2, target_id="bob", content=str(number))
            await bob.next()
        metrics = await self.metrics()
        self.assertEqual(metrics["gim_webhook_queued_events"], 102)
        began = reactor.seconds()
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)
        self.assertLess(reactor.seconds() - began, 8)
        self.assertIn("104 stopped", process.output[1])  # those and the two who went
        self.assertNotIn("Traceback", process.output[1])

    async def test_over_tls_with_an_authority_of_ones_own(self) -> None:
        directory = FilePath(self.mktemp())
        directory.makedirs()
        write_certificate(directory)
        self.hook = start_hook(self, directory)
        await self.gim(SSL_CERT_FILE=directory.child("ca.pem").path)
        await (await self.client()).ask(101, id="ann")
        await self.hook.tells("user.online", "ann")

    async def test_nothing_is_told_without_a_url(self) -> None:
        await self.daemon(GIM_WEBHOOK_SECRET=SECRET)
        ann = await self.client()
        await ann.ask(101, id="ann")
        await ann.ask(201, type=2, target_id="bob", content="hi")
        self.assertEqual(await self.metrics(), {})


class StartTests(DaemonTestCase):
    async def test_a_url_without_a_secret_is_refused_in_one_line_and_by_a_check_too(self) -> None:
        words = ("gim", "--webhook-url", "https://127.0.0.1/")
        processes = [self.spawn("twistd", "-n", *words), self.spawn("twistd", *words, "--check")]
        for process in processes:
            self.assertEqual(await process.exited, 1)
            (line,) = process.output[2].splitlines()
            self.assertTrue(line.startswith("gim: --webhook-url: add --webhook-secret-file"), line)


class DocumentTests(DaemonTestCase):
    """docs/webhooks.md."""

    async def test_what_it_says_of_numbers_is_so(self) -> None:
        from gim.storage.redis.store import heartbeat
        from gim.webhooks import attempt, delivery, from_settings, presence_grace, receiver, service

        page = ROOT.child("docs").child("webhooks.md").getContent().decode()
        text = " ".join(page.split())  # wherever its lines end
        for said in (
            f"{attempt.MAX_CONCURRENT_ATTEMPTS} at a time",
            f"no answer within {receiver.ATTEMPT_TIMEOUT:.0f} s",
            f"below {delivery.RETRY.first} s, then 1 s, 2 s and so on"
            f" up to {delivery.RETRY.longest:.0f} s",
            f"{delivery.MAX_RETRY_AFTER / 60:.0f} minutes at most",
            f"later than {delivery.MAX_EVENT_AGE / 60:.0f} minutes",
            f"{service.MAX_QUEUED_EVENTS:,} events wait",
            f"up to {service.STOP_TIMEOUT:.0f} s for the delivery of waiting events",
            f"after {heartbeat.LEASE_MS / 1000:.0f} s, and take over"
            f" {presence_grace.MAX_REANNOUNCED} users",
            f"{from_settings.MIN_SECRET} to {from_settings.MAX_SECRET:,} bytes",
        ):
            self.assertIn(said, text)
        await deferLater(reactor, 0)
