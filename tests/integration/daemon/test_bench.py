"""``gim bench`` against a real daemon."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from tests.integration.daemon.test_command import KEY, CommandCase
from tests.support.daemon_process import Process

SHORT = "--clients", "6", "--for", "300ms"
FAST = "--message-push-duration", "10ms"


class BenchCase(CommandCase):
    def bench(self, *words: str, **environment: str) -> Process:
        server = {"GIM_URL": f"http://127.0.0.1:{self.http}", "GIM_WS_URL": f"ws://127.0.0.1:{self.ws}"}
        return self.spawn("gim", "bench", *words, **server | environment)

    async def figures(self, *words: str, **environment: str) -> list[dict[str, Any]]:
        """Return what a run prints as JSON."""
        process = self.bench(*words, "--json", **environment)
        self.status = await process.exited
        self.errors = process.output[2]
        return [json.loads(line) for line in process.output[1].splitlines()]


class MeasurementTests(BenchCase):
    async def test_every_measurement_finds_something(self) -> None:
        await self.daemon(*FAST, "--limits", "dry-run", GIM_ADMIN_KEY=KEY)  # a fast machine reaches them
        found = await self.figures(*SHORT, "--in-flight", "2", "-q")
        self.assertEqual((self.status, self.errors), (0, ""))
        idle, login, private, fanout = found
        self.assertEqual((idle["connections"], idle["missing"]), (6, 0))
        self.assertGreater(login["logins"], 0)
        self.assertGreater(private["messages"], 0)
        self.assertGreater(fanout["deliveries"], fanout["messages"])
        self.assertGreaterEqual(fanout["deliveries"], fanout["frames"])
        for each in found:
            self.assertEqual((each["errors"], each["closed"], each["repeated"]), ({}, {}, 0), each)
            self.assertEqual(each["measured_s"], 0.3)
            self.assertGreater(each["server_rss_bytes"], 0)
        for name in ("reply", "push"):
            latencies = [private[f"{name}_{share}_ms"] for share in ("p50", "p90", "p99", "max")]
            self.assertEqual(latencies, sorted(latencies))
        total = json.loads(await self.said("stats", "--json"))["total"]
        self.assertEqual((total["connections"], total["chatrooms"]), (0, 0))

    async def test_members_in_two_processes_are_waited_for(self) -> None:
        await self.daemon(*FAST)
        (found,) = await self.figures("fanout", *SHORT, "--processes", "2", "--rooms", "3")
        self.assertEqual((self.status, found["missing"], found["repeated"]), (0, 0, 0))
        self.assertGreater(found["messages"], 3)

    async def test_at_a_rate_messages_leave_when_they_are_due(self) -> None:
        await self.daemon()
        found = await self.figures("private", "login", "--rate", "50", "--clients", "4", "--for", "600ms")
        self.assertEqual((self.status, found[0]["missing"], found[1]["missing"]), (0, 0, 0))
        for figure in (found[0]["messages"], found[1]["logins"]):
            self.assertTrue(20 <= figure <= 40, figure)

    async def test_limits_are_named_and_what_is_left_is_said(self) -> None:
        await self.daemon("--max-send-rate", "1")
        (found,) = await self.figures("private", "--clients", "2", "--for", "300ms", "--rate", "100")
        self.assertEqual(self.status, 0)
        self.assertGreater(found["errors"]["429"], 0)
        self.assertIn("Raise --max-send-rate", " ".join(found["warnings"]))
        self.assertIn("Raise --max-send-rate", self.errors)
        self.assertRegex(self.errors, r"left behind: the users bench-\w+-0 to bench-\w+-1 and")

    async def test_users_log_in_with_tokens(self) -> None:
        key = os.path.abspath(self.mktemp())
        await self.gim("token", "key", "--key-file", key)
        await self.daemon("--auth-key-file", key)
        (found,) = await self.figures("private", *SHORT, "--auth-key-file", key)
        self.assertEqual((self.status, found["errors"]), (0, {}))
        process = self.bench("private", *SHORT)
        self.assertEqual(await process.exited, 1)
        self.assertIn("gim: 401, token: missing", process.output[2])


class EndTests(BenchCase):
    async def test_ctrl_c_prints_what_was_measured(self) -> None:
        await self.daemon(*FAST)
        process = self.bench("private", "idle", "--clients", "4", "--for", "300s", "--json")
        await self.until_used()
        process.signal(signal.SIGINT)
        self.assertEqual(await process.exited, 130)
        found = [json.loads(line) for line in process.output[1].splitlines()]
        self.assertLessEqual(len(found), 1)  # none, if it came before the window
        for each in found:
            self.assertLess(each["measured_s"], 60)

    async def test_a_server_that_dies_is_an_error_in_words(self) -> None:
        daemon = await self.daemon()
        process = self.bench("private", "--clients", "4", "--for", "300s")
        await self.until_used()
        daemon.signal(signal.SIGKILL)
        self.assertEqual(await process.exited, 3)
        self.assertIn("gim: the server has closed all connections: 1006\n", process.output[2])

    async def test_no_server_is_a_3_and_another_one_too(self) -> None:
        await self.daemon()
        process = self.bench("private", GIM_WS_URL=f"ws://127.0.0.1:{self.http}")
        self.assertEqual(await process.exited, 3)
        self.assertIn("is not a gateway of gim: 404", process.output[2])
        self.assertNotIn("left behind", process.output[2])
        process = self.bench("login", GIM_WS_URL="ws://127.0.0.1:1")
        self.assertEqual(await process.exited, 3)
        self.assertEqual(
            process.output[2], "gim: ws://127.0.0.1:1 can't be reached: Connection refused\n"
        )

    async def until_used(self) -> None:
        """Wait until a message of the benchmark has arrived."""
        client = await self.client()
        await client.ask(101, id="1001")
        while True:
            metrics = await self.gim(
                "top", "--once", "--json", "--interval", "20ms", GIM_URL=f"http://127.0.0.1:{self.http}"
            )
            if (json.loads(metrics.output[1])["total"]["requests"] or 0) > 100:  # None at the beginning
                return
