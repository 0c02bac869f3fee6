"""Live figures of a whole daemon: what is sampled, and what the streams get."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred

from gim.inspection import proc_files
from gim.inspection.node_talk import Answers, NodeTalk
from gim.inspection.sampler import Sampler
from gim.limits.limits import REACTOR_DELAY, SEND_RATE
from gim.storage.memory.store import MemoryStore
from tests.support.hostile.wire import Wire
from tests.support.pipe import GatewayTestCase

ADDRESS = IPv4Address("TCP", "127.0.0.1", 5)
NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls
    lo: {0} 5 0 0 0 0 0 0 {0} 5 0 0 0 0
  eth0:{1} 6 0 0 0 0 0 0 {2} 7 0 0 0 0
"""


async def failing(*words: Any) -> Any:
    raise ValueError("a fault")


class LiveCase(GatewayTestCase):
    options: tuple[str, ...] = ("--max-send-rate", "2")

    def setUp(self) -> None:
        self.net_dev = self.mktemp()
        self.transfer(0, 0, 0)
        self.patch(proc_files, "NET_DEV", self.net_dev)
        super().setUp()
        self.sampler: Sampler = self.daemon.getServiceNamed("sampler")
        self.advance(0.1)  # from now on, between two samples

    def transfer(self, *sizes: int) -> None:
        with open(self.net_dev, "w", encoding="ascii") as file:
            file.write(NET_DEV.format(*sizes))

    def request(self, query: str = "") -> Wire:
        wire = Wire(self.api, self.clock, ADDRESS)
        wire.feed([f"GET /v1/admin/live{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()])
        self.clock.pump([0] * 8)
        return wire

    def once(self) -> dict[str, Any]:
        answer = self.request("?once=true").transport.value()
        data: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])["data"]
        return data

    def second(self) -> dict[str, Any]:
        """Let a second pass; return the sum of the samples."""
        self.advance(1)
        return self.once()["total"]

    def stream(self) -> Wire:
        """Return a stream, some time after it began."""
        wire = self.request()
        self.advance(0.1)
        return wire

    def taken(self, wire: Wire) -> list[tuple[str, Any]]:
        """Return the events that a stream has got since the last call."""
        value = wire.transport.value()
        wire.transport.clear()
        lines = value.replace(b"\r\n", b"\n").decode().split("\n")
        names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        return list(zip(names, data, strict=True))


class SampleTests(LiveCase):
    def test_what_there_is(self) -> None:
        ann, _ = self.user("ann"), self.connect()
        self.data(ann, 301, id="den")
        total = self.second()
        for name, value in (("connections", 2), ("users", 1), ("chatrooms", 1), ("unsent", 0)):
            self.assertEqual(total[name], value, name)
        self.assertEqual((total["storage_up"], total["ready"]), (True, True))
        self.assertEqual((total["webhook_queue"], total["webhook_oldest_s"]), (None, None))
        self.assertGreater(total["rss"], 10_000_000)

    def test_what_happens_is_a_rate_a_second(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        self.second()
        self.transfer(1000, 300, 50)
        for text in "ab":
            self.data(ann, 201, type=2, target_id="bob", content=text)
        total = self.second()
        self.assertEqual(len(self.pushes(bob)), 2)
        for name, value in (
            ("messages", 2),
            ("messages_in", 2),
            ("requests", 2),
            ("messages_out", 2),
            ("frames_out", 4),
            ("logins", 0),
            ("slow_readers", 0),
            ("bytes_in", 1300),
            ("bytes_out", 1050),
        ):
            self.assertEqual(round(total[name], 1), value, name)
        self.assertGreater(total["send_p99_ms"], 0)
        self.assertGreaterEqual(total["send_p99_ms"], total["send_p50_ms"])
        for _ in range(9):
            total = self.second()
        self.assertEqual(total["requests"], 0)
        self.assertIsNotNone(total["send_p50_ms"])  # of the last ten seconds
        self.assertIsNone(self.second()["send_p50_ms"])

    def test_refusals_are_counted_by_limit_and_become_a_warning(self) -> None:
        ann = self.user("ann")
        self.second()
        for _ in range(5):
            self.ask(ann, 201, type=2, target_id="bob", content="x")
        self.assertEqual(round(self.second()["refusals"][SEND_RATE], 1), 3)
        warnings = {each["code"]: each for each in self.once()["warnings"]}
        self.assertEqual(set(warnings), {"open_mode", "limit"})
        limit = warnings["limit"]
        self.assertEqual(limit["detail"], {"limit": SEND_RATE, "count": 3, "is_enforced": True})
        self.assertEqual(limit["text"], "--max-send-rate refused 3 times in 10 s")
        for _ in range(10):
            self.second()
        self.assertEqual([each["code"] for each in self.once()["warnings"]], ["open_mode"])

    def test_a_reactor_that_was_late_is_seen(self) -> None:
        self.second()
        self.clock.advance(2.4)  # a timer was due in 0.4 s
        self.assertEqual(round(self.once()["total"]["reactor_delay_ms"], -3), 2000)

    def test_each_process_says_what_it_is(self) -> None:
        self.second()
        (node,) = self.once()["nodes"]
        self.assertEqual((node["worker"], node["storage"]), (0, "memory"))
        self.assertEqual(node["node"], self.sampler.newest().sample.node)  # type: ignore[union-attr]
        self.assertLess(node["started_at"], node["at"])

    def test_before_the_first_sample_nothing_is_known(self) -> None:
        found = self.once()
        self.assertEqual((found["nodes"], found["total"]["connections"]), ([], None))

    def test_files_are_closed_at_the_end(self) -> None:
        files = self.sampler._files
        self.assertGreater(min(files._statm, files._net_dev), -1)
        self.stop()
        self.assertEqual((files._statm, files._net_dev), (-1, -1))


class UnmeasuredTests(LiveCase):
    options = ("--metrics=false",)

    def test_what_is_not_counted_is_not_known(self) -> None:
        ann = self.user("ann")
        self.data(ann, 201, type=2, target_id="bob", content="x")
        total = self.second()
        for name in "requests", "http_requests", "frames_out", "logins", "send_p50_ms", "send_p99_ms":
            self.assertIsNone(total[name], name)
        self.assertEqual((total["connections"], total["messages"]), (1, 1))


class WarningTests(LiveCase):
    options = ("--max-reactor-delay", "1s")

    def setUp(self) -> None:
        self.patch(os, "environ", os.environ | {"GIM_AUTH_KEY": "0123456789" * 4})
        super().setUp()

    def codes(self) -> list[str]:
        return [each["code"] for each in self.once()["warnings"]]

    def test_nothing_is_wrong(self) -> None:
        self.second()
        self.assertEqual(self.codes(), [])

    def test_a_storage_that_does_not_answer(self) -> None:
        self.patch(MemoryStore, "ping", lambda store: Deferred())
        self.stop()
        self.start()
        self.second()
        self.second()
        self.assertEqual(self.codes(), ["storage_down"])

    def test_overload(self) -> None:
        for _ in range(5):
            self.clock.advance(2.0)
        (warning,) = self.once()["warnings"]
        self.assertEqual((warning["code"], warning["detail"]["limit"]), ("overloaded", REACTOR_DELAY))
        self.assertEqual(warning["text"], "refusing connections: reactor delay 1.5 s")


class StreamTests(LiveCase):
    def test_it_begins_with_what_was_before_and_gets_a_sample_each_second(self) -> None:
        for _ in range(25):
            self.advance(1)
        wire = self.stream()
        (first, history), (second, sample) = self.taken(wire)
        self.assertEqual((first, second), ("history", "sample"))
        seconds = [each["at"] for each in history["second"]]
        self.assertEqual(seconds, [seconds[0] + 1000 * each for each in range(25)])
        self.assertEqual(len(history["ten_seconds"]), 2)
        self.assertEqual(set(sample), {"total", "nodes", "warnings"})
        self.assertEqual(list(history["second"][-1]), list(sample["total"]))
        self.advance(3)
        self.assertEqual([name for name, _ in self.taken(wire)], ["sample"] * 3)

    def test_nodes_are_asked_once_a_second_for_all_streams(self) -> None:
        asked: list[object] = []
        ask = NodeTalk.ask

        def counted(talk: NodeTalk, question: Any, *rest: Any) -> Any:
            asked.append(question)
            return ask(talk, question, *rest)

        self.patch(NodeTalk, "ask", counted)
        self.advance(2)
        wires = [self.stream() for _ in range(5)]
        self.advance(1)
        asked.clear()
        for wire in wires:
            self.taken(wire)
        self.advance(5)
        self.assertEqual(len(asked), 5)
        for wire in wires:
            self.assertEqual(len(self.taken(wire)), 5)

    def test_none_is_asked_when_the_last_stream_has_ended(self) -> None:
        wires = [self.stream() for _ in range(2)]
        for wire in wires:
            wire.hang_up()
        self.patch(NodeTalk, "ask", self.fail)
        self.advance(3)

    def test_one_that_begins_while_the_last_one_ends_gets_each_sample_once(self) -> None:
        first = self.stream()
        waiting: Deferred[Any] = Deferred()
        answers: Answers[Any] = Answers()
        answers.missing = []
        patched = self.patch(NodeTalk, "ask", lambda *words: waiting)
        self.advance(1)
        first.hang_up()
        patched.restore()
        second = self.stream()
        waiting.callback(answers)
        self.advance(1)
        self.taken(second)
        self.advance(3)
        self.assertEqual(len(self.taken(second)), 3)

    def test_a_request_for_the_head_gets_that_and_nothing_is_asked_for_it(self) -> None:
        wire = Wire(self.api, self.clock, ADDRESS)
        wire.feed([b"HEAD /v1/admin/live HTTP/1.1\r\nHost: localhost\r\n\r\n"])
        self.clock.pump([0] * 8)
        self.assertTrue(wire.transport.value().endswith(b"\r\n\r\n"), wire.transport.value())
        self.patch(NodeTalk, "ask", self.fail)
        self.advance(3)

    def test_a_fault_does_not_end_it(self) -> None:
        wire = self.stream()
        patched = self.patch(NodeTalk, "ask", failing)
        self.advance(2)
        patched.restore()
        self.taken(wire)
        self.assertEqual(len(self.flushLoggedErrors()), 2)
        self.advance(2)
        self.assertEqual(len(self.taken(wire)), 2)
