"""``gim top``: what it asks for, how that is shown, and when it ends."""

from __future__ import annotations

import json
import re
import select
import sys
import termios
import tty
from typing import Any

from gim.cli import keyboard
from gim.cli.metrics import parsed
from gim.commands import top
from gim.concurrency.clocks import WallClock
from gim.inspection.live import LiveSample
from gim.inspection.samples import Sample
from tests.support.command import CommandTestCase, ServedTestCase, Terminal, response

NOW = 1_800_000_000_000
DAYS = (3 * 24 + 4) * 3600 * 1000
KNOWN: dict[str, Any] = {
    "at": NOW,
    "connections": 8213,
    "users": 7904,
    "chatrooms": 61,
    "messages": 1_234_567,
    "messages_in": 1204.4,
    "requests": 1310.0,
    "messages_out": 51377.0,
    "frames_out": 48210.0,
    "bytes_in": 1_258_291.2,
    "bytes_out": 20_027_801.6,
    "send_p50_ms": 0.31,
    "send_p99_ms": 1.58,
    "reactor_delay_ms": 1.12,
    "cpu": 0.41,
    "rss": 327_155_712,
    "unsent": 421_888,
    "logins": 12.0,
    "refusals": {"max-send-rate": 2.0, "max-connections": 1.0},
    "webhook_queue": None,
    "webhook_oldest_s": None,
    "storage_up": True,
    "ready": True,
    "slow_readers": 0.0,
    "http_requests": 3.0,
}
UNKNOWN = dict.fromkeys(KNOWN) | {"at": NOW, "refusals": {}}
Event = tuple[str, dict[str, Any]]
CONNECTIONS = response('{"code":0,"msg":"","data":{"items":[],"total":0,"nodes_missing":0}}')


def node(name: str, worker: int = 0, **fields: Any) -> dict[str, Any]:
    about = {"version": "1.2.3", "started_at": NOW - DAYS, "storage": "memory"}
    return {**KNOWN, "node": name, "worker": worker, **about, **fields}


def sample(**fields: Any) -> dict[str, Any]:
    return {"total": KNOWN, "nodes": [node("n1")], "warnings": [], **fields}


def stream(*events: Event) -> bytes:
    text = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    return response(f"retry: 2000\n\n{text}", Content_Type="text/event-stream")


def samples(count: int) -> bytes:
    history: Event = ("history", {"second": [], "ten_seconds": []})
    return stream(history, *[("sample", sample())] * count)


def envelope(data: Any, code: int = 0, msg: str = "") -> bytes:
    return response(json.dumps({"code": code, "msg": msg, "data": data}), code or 200)


class TopTestCase(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        del self.environment["GIM_ADMIN_KEY"]
        self.patch(WallClock, "now_ms", lambda clock: NOW)
        self.now = 0.0
        self.patch(top, "monotonic", self.tick)
        self.patch(keyboard, "sleep", lambda seconds: None)
        self.answers = [envelope(sample())]

    def tick(self) -> float:
        self.now += 0.5  # it is read twice for each view
        return self.now

    def answer(self, request: bytes) -> bytes:
        return self.answers.pop(0)


class ViewTests(TopTestCase):
    def test_once_prints_the_newest_sample(self) -> None:
        self.assertEqual(
            self.said("top", "--once").splitlines(),
            [
                "gim  1.2.3  memory  up 3 d 4 h  CPU 41%  RSS 312 MiB  reactor delay 1.1 ms  ready",
                "connections 8,213  users 7,904  chatrooms 61  messages 1,234,567  unsent 412 KiB",
                "in 1,204 messages/s  1,310 requests/s  out 51,377 messages/s  48,210 frames/s"
                "  network in 1 MiB/s  out 19 MiB/s",
                "send p50 0.3 ms  p99 1.6 ms  logins 12/s  HTTP requests 3/s  slow readers closed 0/s"
                "  refused 3/s",
            ],
        )
        self.assertIn(b"GET /v1/admin/live?once=true ", self.requests[0])

    def test_what_is_not_known_is_left_out(self) -> None:
        self.answers = [envelope(sample(total=UNKNOWN, nodes=[]))]
        self.assertEqual(self.said("top", "--once").splitlines(), ["gim", "refused 0/s"])

    def test_warnings_are_lines_and_name_the_node_if_there_are_several(self) -> None:
        text = "refusing connections: reactor delay 1.3 s"
        warning = {"code": "overloaded", "node": "n2", "detail": {}, "text": text}
        for nodes, line in (
            ([node("n2")], f"! {text}"),
            (
                [node("n1"), node("n2")],
                f"! node n2 {text}",
            ),
        ):
            self.answers = [envelope(sample(nodes=nodes, warnings=[warning]))]
            self.assertEqual(self.said("top", "--once").splitlines()[4], line)

    def test_several_processes_have_a_row_each(self) -> None:
        parent = {**node("n1"), **UNKNOWN, "cpu": 0.05}
        self.answers = [envelope(sample(nodes=[parent, node("n1", 1, ready=False), node("n2", 1)]))]
        lines = self.said("top", "--once").splitlines()
        self.assertTrue(lines[0].startswith("gim  1.2.3  memory  2 nodes  up "))
        rows = [re.split(r"  +", line.strip()) for line in lines[4:]]
        self.assertEqual(rows[0][:4], ["NODE", "WORKER", "CONNECTIONS", "USERS"])
        self.assertEqual(rows[1][:8], ["n1", "0", "-", "-", "-", "-", "-", "5%"])
        self.assertEqual((rows[2][1], rows[2][2], rows[2][-1]), ("1", "8,213", "not ready"))
        self.assertEqual((rows[3][0], rows[3][-2:]), ("n2", ["3 d 4 h", "ready"]))

    def test_names_of_a_server_can_not_control_the_terminal(self) -> None:
        warning = {"code": "x", "node": "\x1b[2J", "detail": {}, "text": "\x1b[2J"}
        nodes = [node("\x1b[2J", version="\x1b[2J"), node("n2")]
        self.answers = [envelope(sample(nodes=nodes, warnings=[warning]))]
        self.assertNotIn("\x1b", self.said("top", "--once"))

    def test_as_json_a_view_is_a_line(self) -> None:
        (line,) = self.said("top", "--once", "--json").splitlines()
        self.assertEqual(json.loads(line), {**sample(), "connections": []})

    def test_views_follow_each_other_until_the_server_ends_them(self) -> None:
        self.answers = [samples(3)]
        run = self.gim("top", "--json")
        self.assertEqual((run.status, len(run.out.splitlines())), (3, 3))
        self.assertIn("has ended the stream", run.err)
        self.assertIn(b"GET /v1/admin/live ", self.requests[0])

    def test_a_longer_interval_leaves_samples_out(self) -> None:
        self.answers = [samples(9)]
        read = [1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9, 9]  # twice where there is a view
        self.patch(top, "monotonic", iter(read).__next__)
        self.assertEqual(len(self.gim("top", "--json", "--interval", "2s").out.splitlines()), 5)

    def test_a_server_that_refuses_says_why(self) -> None:
        for code, words in (401, ()), (403, ("--once",)), (503, ()), (503, ("--once",)):
            self.answers = [envelope(None, code, "the reason")]
            self.assertEqual(self.refused("top", *words), f"gim: {code}, the reason")

    def test_its_fields_are_those_of_the_server(self) -> None:
        self.assertEqual(set(KNOWN), set(Sample.__struct_fields__))
        self.assertEqual(set(sample()), set(LiveSample.__struct_fields__))


class ConnectionTests(TopTestCase):
    def test_connections_need_a_key(self) -> None:
        for words in ("ann",), ("--sort", "age"), ("--address", "10."):
            self.assertIn("--key-file", self.refused("top", "--once", *words, status=2))

    def test_arguments_choose_the_connections(self) -> None:
        self.environment["GIM_ADMIN_KEY"] = "secret"
        for words, queries in (
            ((), ["count=10"]),
            (("ann", "bob"), ["count=10&user=ann", "count=10&user=bob"]),
            (("--sort", "age", "--count", "3"), ["sort=age&count=3"]),
            (("--address", "10.0."), ["count=10&address=10.0."]),
            (("--count", "0"), []),
        ):
            self.answers = [envelope(sample()), *[CONNECTIONS] * len(queries)]
            self.requests.clear()
            self.said("top", "--once", *words)
            asked = [re.match(rb"GET (\S+)", request) for request in self.requests[1:]]
            paths = [found[1].decode() for found in asked if found]
            self.assertEqual(paths, [f"/v1/admin/connections?{query}" for query in queries])


class TerminalTests(TopTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(termios, "tcgetattr", lambda file: ["before"])
        self.changes = list[Any]()
        self.patch(termios, "tcsetattr", lambda *args: self.changes.append(args))
        self.patch(tty, "setcbreak", lambda file: self.changes.append("cbreak"))

    def views(self, *answers: bytes, ends_after: int) -> list[str]:
        """Press q at a wait for keys; return the views before that."""
        waits = iter([*[False] * (ends_after - 1), True])
        self.patch(keyboard, "is_ended", lambda keys, seconds: next(waits))
        self.answers = list(answers)
        run = self.gim("top", tty=True)
        self.assertEqual(run.status, 0, run.out)
        return run.out.split("\x1b[H\x1b[J")[1:]

    def test_a_view_is_drawn_anew_until_q_is_pressed(self) -> None:
        self.assertEqual(len(self.views(samples(5), ends_after=2)), 2)
        self.assertEqual(self.changes, ["cbreak", (7, termios.TCSADRAIN, ["before"])])

    def test_it_goes_on_when_the_server_is_back(self) -> None:
        views = self.views(
            samples(1),  # and the stream ends
            b"",  # nothing answers
            envelope(None, 503, "the storage does not answer"),
            samples(1),
            ends_after=5,
        )
        self.assertEqual(
            [view.splitlines()[0].partition(":")[2] for view in views],
            [
                "",
                " http://127.0.0.1:8081 has ended the stream: asking again every 1 s",
                " http://127.0.0.1:8081 can't be reached: it closed the connection without an answer:"
                " asking again every 1 s",
                " 503, the storage does not answer: asking again every 1 s",
                "",
            ],
        )

    def test_a_server_that_was_never_there_or_says_no_ends_it(self) -> None:
        for answers, status in ([b""], 3), ([samples(1), envelope(None, 401, "no")], 1):
            self.patch(keyboard, "is_ended", lambda keys, seconds: False)
            self.answers = answers
            self.assertEqual(self.gim("top", tty=True).status, status)

    def test_q_ends_the_wait_and_other_keys_shorten_it(self) -> None:
        self.patch(select, "select", lambda *args: ([7], [], []))
        for keys, ended in (("q", True), ("x", False)):
            self.patch(sys, "stdin", Terminal(keys))
            self.assertEqual(keyboard.is_ended(7, 1), ended)
        self.patch(select, "select", lambda *args: ([], [], []))
        self.assertFalse(keyboard.is_ended(7, 1))


class ServedTests(ServedTestCase):
    def test_with_a_key_it_lists_connections(self) -> None:
        self.user("ann")
        self.clock.pump([1.0] * 3)
        view = json.loads(self.said("top", "--once", "--json", "ann", "bob"))
        self.assertEqual([row["user_id"] for row in view["connections"]], ["ann"])
        self.assertEqual([node["users"] for node in view["nodes"]], [1])
        lines = self.said("top", "--once").splitlines()
        self.assertRegex(lines[0], r"^gim  \d+\.\d+\.\d+  memory  up .* ready$")
        table = [line for line in lines if line.startswith("KEY")]
        self.assertEqual(len(table), 1, lines)
        self.assertIn("  ann  ", lines[-1])


class MetricsTests(CommandTestCase):
    def test_values_are_summed_over_labels(self) -> None:
        page = parsed('a{b="1"} 2\na{b="2"} 3.5\n# a 7\n')
        self.assertEqual((page["a"], page["none"]), (5.5, 0))
        self.assertNotIn("none", page.values)
