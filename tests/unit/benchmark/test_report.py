"""The figures of a measurement, the doubts about them, and how they are printed."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.benchmark import machine
from gim.benchmark.machine import Machine, MachineTimes
from gim.benchmark.machine import between as busy_between
from gim.benchmark.plan import Plan
from gim.benchmark.report import report, text
from gim.benchmark.server_load import Reading, ServerLoad
from gim.benchmark.server_load import between as load_between
from gim.benchmark.tally import Tally
from tests.support.bench_server import plan_of


class ReportTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.tally = Tally()
        self.tally.cpu_s = [1.0, 4.0]
        self.load = ServerLoad(0.9, 64 * 2**20)
        self.machine = Machine(0.5)
        self.opened: dict[str, Any] = {}

    def found(self, plan: Plan, seconds: float = 10.0) -> dict[str, Any]:
        return report(plan, self.tally, seconds, self.load, self.machine, self.opened)

    def warning(self, plan: Plan) -> str:
        (line,) = self.found(plan)["warnings"]
        return str(line)


class FigureTests(ReportTestCase):
    def test_private_messages(self) -> None:
        self.tally.counts["messages"] = 1234
        for us in range(1, 101):
            self.tally.latencies["push"].add(us * 1000)
        found = self.found(plan_of("private", 4, in_flight=8))
        self.assertEqual(
            (found["messages"], found["messages_per_s"], found["size_bytes"]), (1234, 123.4, 64)
        )
        self.assertLess(abs(found["push_p90_ms"] - 90), 0.4)
        self.assertEqual(found["push_max_ms"], 100.0)
        self.assertEqual((found["generator_cpu_share"], found["warnings"]), (0.4, []))
        lines = text(found).splitlines()
        self.assertEqual(lines[0], "private: 4 clients, 64 bytes, 8 in flight each, 10.0 s")
        self.assertEqual(lines[1], "  123 messages/s, 1,234 in all")
        self.assertRegex(lines[2], r"^  push   p50 \d+\.\d\d  p90 .* max 100\.00 ms$")

    def test_a_chatroom(self) -> None:
        self.tally.counts.update(messages=10, frames=9_000, deliveries=20_000, bytes_in=1_024_000)
        found = self.found(plan_of("fanout", 1000, rate=2.0))
        self.assertEqual((found["frames_per_s"], found["deliveries_per_s"]), (900.0, 2000.0))
        self.assertIsNone(found["in_flight"])
        self.assertEqual(found["warnings"], [])
        self.assertEqual(
            text(found).splitlines()[:3],
            [
                "fanout: 1,000 clients, 1 chatroom, 64 bytes, 2/s wanted, 10.0 s",
                "  900 frames/s with 2,000 messages/s, 100 KiB/s; 0 messages skipped",
                "  1.0 messages/s are complete",
            ],
        )

    def test_logins(self) -> None:
        self.tally.counts["messages"] = 50
        found = self.found(plan_of("login", 9, in_flight=32))
        self.assertEqual((found["logins"], found["logins_per_s"]), (50, 5.0))
        self.assertIn("login: 9 clients, 32 in flight, 10.0 s\n  5 logins/s, 50 in all", text(found))

    def test_idle_connections(self) -> None:
        self.tally.counts["connected"] = 1000
        self.opened = {"rss_bytes_per_connection": 10240, "logins_per_s": 800.0}
        found = self.found(plan_of("idle", 1000))
        self.assertEqual((found["connections"], found["rss_bytes_per_connection"]), (1000, 10240))
        self.assertIn("10 KiB of the server's RSS for each, opened at 800 logins/s", text(found))

    def test_a_server_without_metrics_leaves_them_out(self) -> None:
        self.load = ServerLoad(None, None)
        found = self.found(plan_of("private", 2))
        self.assertEqual((found["server_cpu_share"], found["server_rss_bytes"]), (None, None))
        self.assertNotIn("server", text(found))


class WarningTests(ReportTestCase):
    plan = plan_of("private", 2)

    def test_a_generator_that_is_the_limit(self) -> None:
        self.tally.cpu_s = [2.0, 8.5]
        self.assertIn("the generator is the limit: a process of it used 85%", self.warning(self.plan))

    def test_a_generator_that_reads_late(self) -> None:
        self.tally.lag.add(30_000)
        self.assertIn("30 ms late to read", self.warning(self.plan))

    def test_a_generator_that_falls_behind_the_rate(self) -> None:
        self.tally.counts["late"] = 11
        self.assertEqual(self.found(plan_of("private", 2, rate=110.0))["warnings"], [])
        self.assertIn("fell behind the rate: 11 sends", self.warning(plan_of("private", 2, rate=100.0)))

    def test_a_machine_that_is_full(self) -> None:
        self.machine = Machine(0.96)
        self.assertIn("this machine was 96% busy", self.warning(self.plan))

    def test_limits_name_the_option_to_raise(self) -> None:
        for code, sentence, option in (
            (429, "you sent 1000 messages in a second: wait a second", "--max-send-rate"),
            (429, "more than 1000 packets a second: wait a second", "--max-packet-rate"),
            (413, "content: longer than 4096 bytes", "--max-content"),
        ):
            self.tally = Tally()
            self.tally.refused(code, sentence)
            line = self.warning(self.plan)
            self.assertIn(f"1 times refused with {code}, {sentence}. Raise {option}", line)
            self.assertIn("--limits dry-run", line)

    def test_another_error_is_only_told(self) -> None:
        self.tally.refused(503, "the storage can't be reached")
        self.assertEqual(
            self.warning(self.plan), "1 times refused with 503, the storage can't be reached"
        )

    def test_connections_that_were_closed(self) -> None:
        self.tally.lost_connection(3013, "too many packets")
        self.assertIn(
            "closed with 3013, too many packets. Raise --max-packet-rate", self.warning(self.plan)
        )

    def test_messages_that_are_missing_repeated_or_skipped(self) -> None:
        self.tally.counts.update(missing=1, repeated=2, skipped=3)
        lines = self.found(plan_of("fanout", 2, rate=1.0))["warnings"]
        self.assertEqual([line[:2] for line in lines], ["1 ", "2 ", "th"])
        self.assertIn("--message-push-count", lines[2])

    def test_a_chatroom_whose_interval_sets_the_pace(self) -> None:
        self.load = ServerLoad(0.1, 1.0)
        self.assertIn("--message-push-duration", self.warning(plan_of("fanout", 2)))

    def test_memory_that_was_used_again(self) -> None:
        self.opened = {"rss_bytes_per_connection": 200, "logins_per_s": 1.0}
        self.assertIn("has just started", self.warning(plan_of("idle", 100)))


class ReadingTests(SynchronousTestCase):
    def test_the_load_of_a_server_is_between_two_readings(self) -> None:
        load = load_between(Reading(1.0, 5.0, 1e6), Reading(3.0, 6.0, 2e6))
        self.assertEqual(load, ServerLoad(0.5, 2e6))
        self.assertEqual(load_between(None, Reading(1.0, 1.0, 1.0)), ServerLoad(None, None))

    def test_the_machine_counts_in_a_file_of_linux(self) -> None:
        path = self.mktemp()
        self.patch(machine, "_STAT", path)
        self.assertIsNone(MachineTimes.read())
        with open(path, "w") as file:
            file.write("cpu  10 1 4 80 5 0 0 0 0 0\ncpu0 1 1 1 1\n")
        self.assertEqual(MachineTimes.read(), MachineTimes(15, 100))

    def test_that_of_the_machine_too(self) -> None:
        self.assertEqual(busy_between(MachineTimes(10, 100), MachineTimes(60, 200)), Machine(0.5))
        self.assertEqual(busy_between(None, MachineTimes(1, 1)), Machine(None))
