"""``gim top``: what is measured, how it is shown, and when it ends."""

from __future__ import annotations

import json
import re
import select
import sys
import termios
import tty
from types import SimpleNamespace
from typing import Any

from gim.cli import keyboard, metrics, samples
from gim.cli.failures import Unreachable
from gim.cli.metrics import Page, parsed, quantile
from gim.cli.samples import Sampler
from tests.support.command import CommandTestCase, ServedTestCase, Terminal, response

PAGE = """\
# HELP gim_connections WebSocket connections
gim_info{{storage="memory",version="1.2.3"}} 1.0
gim_connections 8213.0
gim_users 7904.0
gim_chatrooms 61.0
gim_unsent_bytes 421888.0
gim_requests_total{{code="0",op="201"}} {requests}
gim_requests_total{{code="400",op="201"}} 10.0
gim_pushes_total{{kind="private"}} {pushes}
gim_limit_hits_total{{limit="max-connections"}} 0.0
gim_request_duration_seconds_bucket{{le="0.001",op="201"}} {requests}
gim_request_duration_seconds_bucket{{le="0.004",op="201"}} {requests}
gim_request_duration_seconds_bucket{{le="+Inf",op="201"}} {requests}
process_resident_memory_bytes 327155712.0
process_cpu_seconds_total {cpu}
"""


class TopTestCase(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        del self.environment["GIM_ADMIN_KEY"]
        self.now = 100.0
        self.patch(samples, "monotonic", lambda: self.now)
        self.waited = list[float]()
        self.patch(keyboard, "sleep", self.wait)
        self.ready = '{"code":0,"msg":"","data":{}}'
        self.has_metrics = True

    def wait(self, seconds: float) -> None:
        if len(self.waited) == 3:
            raise KeyboardInterrupt
        self.waited.append(seconds)
        self.now += seconds

    def answer(self, request: bytes) -> bytes:
        passed = self.now - 100
        if b"GET /readyz" in request:
            return response(self.ready, json.loads(self.ready)["code"] or 200)
        if not self.has_metrics:
            return response('{"code":404,"msg":"no such path","data":null}', 404)
        return response(
            PAGE.format(requests=100 + 1204 * passed, pushes=48_210 * passed, cpu=5 + 0.41 * passed)
        )


class ViewTests(TopTestCase):
    def test_one_view_is_of_one_interval(self) -> None:
        self.assertEqual(
            self.said("top", "--once", "--interval", "2s").splitlines(),
            [
                "gim 1.2.3  memory  CPU 41%  RSS 312 MiB  ready",
                "connections 8,213  users 7,904  chatrooms 61  unsent 412 KiB",
                "requests 1,204/s  pushes 48,210/s with 0 messages/s  limit hits 0/s  request p50 0.5 ms"
                " p99 1.0 ms",
            ],
        )
        self.assertEqual(self.waited, [2.0])

    def test_connections_of_users_need_a_key(self) -> None:
        self.assertIn("--key-file", self.refused("top", "--once", "ann", status=2))

    def test_as_json_a_view_is_a_line(self) -> None:
        (line,) = self.said("top", "--once", "--json").splitlines()
        view = json.loads(line)
        self.assertEqual((view["ready"], view["nodes"], view["connections"]), ("ready", [], []))
        self.assertEqual((view["metrics"]["requests_per_s"], view["metrics"]["cpu_share"]), (1204, 0.41))

    def test_views_follow_each_other_until_an_interrupt(self) -> None:
        run = self.gim("top", "--json")
        self.assertEqual((run.status, len(run.out.splitlines())), (130, 3))

    def test_a_server_that_is_not_ready_or_does_not_measure_is_shown_too(self) -> None:
        self.ready = '{"code":503,"msg":"the server is stopping","data":{"reason":"draining"}}'
        self.assertIn("  the server is stopping\n", self.said("top", "--once"))
        self.has_metrics = False
        self.assertIn("--metrics=false", self.said("top", "--once"))


class TerminalTests(TopTestCase):
    def test_a_view_is_drawn_anew_until_q_is_pressed(self) -> None:
        answers = iter([False, False, True])
        self.patch(keyboard, "is_ended", lambda keys, seconds: next(answers))
        self.patch(termios, "tcgetattr", lambda file: ["before"])
        changes = list[Any]()
        self.patch(termios, "tcsetattr", lambda *args: changes.append(args))
        self.patch(tty, "setcbreak", lambda file: changes.append("cbreak"))
        run = self.gim("top", tty=True)
        self.assertEqual((run.status, run.out.count("\x1b[H\x1b[J")), (0, 2))
        self.assertEqual(changes, ["cbreak", (7, termios.TCSADRAIN, ["before"])])

    def test_on_a_terminal_it_waits_for_a_server_that_is_gone(self) -> None:
        answers = iter([False, False, False, True])
        self.patch(keyboard, "is_ended", lambda keys, seconds: next(answers))
        self.patch(termios, "tcgetattr", lambda file: ["before"])
        self.patch(termios, "tcsetattr", lambda *args: None)
        self.patch(tty, "setcbreak", lambda file: None)
        sample, failures = Sampler.sample, iter([None, None, Unreachable("gone"), None])

        def sampled(sampler: Sampler) -> Any:
            if failure := next(failures):
                raise failure
            return sample(sampler)

        self.patch(Sampler, "sample", sampled)
        run = self.gim("top", tty=True)
        self.assertEqual(run.status, 0)
        views = run.out.split("\x1b[H\x1b[J")[1:]
        self.assertEqual(
            [view.split()[:2] for view in views], [["gim", "1.2.3"], ["gim:", "gone:"], ["gim", "1.2.3"]]
        )

    def test_elsewhere_a_server_that_is_gone_ends_it(self) -> None:
        failures = iter([None, Unreachable("gone")])
        sample = Sampler.sample

        def sampled(sampler: Sampler) -> Any:
            if failure := next(failures):
                raise failure
            return sample(sampler)

        self.patch(Sampler, "sample", sampled)
        self.assertEqual(self.refused("top", "--json", status=3), "gim: gone")

    def test_counters_begin_at_0_with_each_start_of_the_server(self) -> None:
        pages = iter(
            parsed(f"gim_requests_total {count}\nprocess_start_time_seconds {start}\n")
            for count, start in ((500, 1), (700, 1), (30, 2))
        )
        self.patch(metrics, "page", lambda server: next(pages))
        server: Any = SimpleNamespace(ask=lambda method, path: None)
        sampler = Sampler(server, None, [])
        rates = []
        for _ in range(3):
            self.now += 10
            rates.append(sampler.sample()["metrics"]["requests_per_s"])
        self.assertEqual(rates, [50, 20, 3])

    def test_q_ends_the_wait_and_other_keys_shorten_it(self) -> None:
        self.patch(select, "select", lambda *args: ([7], [], []))
        for keys, ended in (("q", True), ("x", False)):
            self.patch(sys, "stdin", Terminal(keys))
            self.assertEqual(keyboard.is_ended(7, 1), ended)
        self.patch(select, "select", lambda *args: ([], [], []))
        self.assertFalse(keyboard.is_ended(7, 1))


class AdministratorTests(ServedTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(keyboard, "sleep", lambda seconds: None)

    def test_with_a_key_it_lists_nodes_and_connections(self) -> None:
        self.user("ann")
        self.clock.pump([1.0] * 3)
        view = json.loads(self.said("top", "--once", "--json", "ann", "bob"))
        self.assertEqual([row["user"] for row in view["connections"]], ["ann"])
        self.assertEqual([node["users"] for node in view["nodes"]], [1])
        lines = self.said("top", "--once", "ann").splitlines()
        self.assertRegex(lines[0], r"^gim \d+\.\d+\.\d+  memory  up ")
        self.assertEqual(lines[3].split()[0], "USER")
        self.assertTrue(lines[4].startswith("ann "))


class QuantileTests(CommandTestCase):
    def page(self, *counts: float) -> Page:
        bounds = ["0.001", "0.004", "+Inf"]
        lines = [f'x_bucket{{le="{bound}"}} {count}' for bound, count in zip(bounds, counts, strict=True)]
        return parsed("\n".join(lines))

    def test_a_quantile_is_of_what_was_observed_between_two_pages(self) -> None:
        before, after = self.page(5, 5, 5), self.page(5, 15, 15)
        self.assertAlmostEqual(quantile(before, after, "x", 0.5) or 0, 0.0025)
        self.assertAlmostEqual(quantile(before, after, "x", 1) or 0, 0.004)
        self.assertIsNone(quantile(after, after, "x", 0.5))
        self.assertIsNone(quantile(before, after, "y", 0.5))

    def test_beyond_the_last_bound_it_is_that_bound(self) -> None:
        self.assertEqual(quantile(Page(), self.page(0, 0, 3), "x", 0.5), 0.004)

    def test_values_are_summed_over_labels(self) -> None:
        page = parsed('a{b="1"} 2\na{b="2"} 3.5\n# a 7\n')
        self.assertEqual((page["a"], page["none"]), (5.5, 0))
        self.assertFalse(re.search("none", repr(dict(page.values))))
