"""A trace at the node of its reader, with other nodes that a test plays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.inspection.node_talk import Answers
from gim.inspection.trace_messages import (
    BeginTrace,
    ConnectionSeen,
    EndTrace,
    KeepTrace,
    TraceBegun,
    TraceReport,
)
from gim.inspection.traces import KEEP_INTERVAL, Traces
from gim.inspection.watches import LEASE
from tests.support.clocks import SettableWallClock

OTHER = "other"  # a listener


class PlayedTalk:
    """What `Traces` needs of `NodeTalk`."""

    listener = "here"

    def __init__(self) -> None:
        self.asked: list[Struct] = []
        self.told: list[Struct] = []
        self.answered: Deferred[Answers[TraceBegun]] = Deferred()

    def handle(self, kind: type[Struct], handler: Callable[[str, Any], object]) -> None:
        self.report = handler

    async def ask(self, question: Struct, result: type[Any]) -> Any:
        self.asked.append(question)
        return await self.answered

    def tell(self, listener: str, notice: Struct) -> None:
        self.told.append(notice)


class KeptStream:
    """A stream that keeps its events, and takes as many as a test lets it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.room = 1000
        self.has_ended = False
        self.ended: Callable[[], object] = lambda: None

    def send(self, event: str, data: Struct | bytes) -> bool:
        if len(self.events) >= self.room:
            return False
        text = data if isinstance(data, bytes) else msgspec.json.encode(data)
        self.events.append((event, msgspec.json.decode(text)))
        return True

    def on_end(self, call: Callable[[], object]) -> None:
        self.ended = call

    def end(self) -> None:
        self.has_ended = True
        self.ended()


def seen(change: Any, key: str) -> ConnectionSeen:
    return ConnectionSeen(5, change, key, "n2", "10.0.0.1:5")


class TraceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.talk, self.stream = Clock(), PlayedTalk(), KeptStream()
        wall, talk, watches = SettableWallClock(self.clock.seconds), self.talk, {}
        self.traces = Traces(talk, watches, self.clock, wall)  # type: ignore[arg-type]
        self.traces.begin("ann", False, 60, self.stream)
        (question,) = self.talk.asked
        assert isinstance(question, BeginTrace)
        self.question = question

    def begin(self) -> None:
        answers: Answers[TraceBegun] = Answers([(OTHER, TraceBegun(["k-1"]))])
        self.talk.answered.callback(answers)

    def report(self, *events: tuple[str, Any], listener: str = OTHER, **fields: Any) -> None:
        encoded = [(name, msgspec.json.encode(data)) for name, data in events]
        self.talk.report(listener, TraceReport(self.question.id, encoded, **fields))

    def closed(self) -> list[tuple[str, str]]:
        return [
            (data["key"], data["reason"])
            for name, data in self.stream.events
            if name == "connection" and data["change"] == "closed"
        ]

    def test_what_comes_before_the_beginning_follows_it(self) -> None:
        self.report(("connection", seen("open", "k-1")), ("packet", {"seq": 1}))
        self.assertEqual(self.stream.events, [])
        self.begin()
        self.assertEqual([name for name, _ in self.stream.events], ["begin", "connection", "packet"])

    def test_it_is_kept_alive_at_all_nodes_and_ended_there(self) -> None:
        self.begin()
        self.clock.pump([1.0] * 10)
        kept = [notice for notice in self.talk.told if isinstance(notice, KeepTrace)]
        self.assertEqual(len(kept), 10 / KEEP_INTERVAL)
        self.assertEqual((kept[0].id, kept[0].user_id, kept[0].home), (self.question.id, "ann", "here"))
        self.stream.end()
        self.assertEqual(self.talk.told[-1], EndTrace(self.question.id))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.report(("packet", {}))
        self.assertEqual([name for name, _ in self.stream.events], ["begin"])

    def test_connections_at_a_node_that_is_silent_count_as_closed(self) -> None:
        self.begin()
        self.report(("connection", seen("open", "k-1")), ("connection", seen("opened", "k-2")))
        self.report(("connection", seen("closed", "k-2")))
        self.report(listener="another", present=[seen("open", "k-9")])
        for _ in range(4):
            self.clock.advance(KEEP_INTERVAL)
            self.report(listener="another", present=[seen("open", "k-9")])
        self.assertEqual(self.closed(), [("k-2", ""), ("k-1", "its node does not answer")])
        self.assertGreater(self.clock.seconds(), LEASE)
        self.clock.pump([KEEP_INTERVAL] * 3)
        self.assertEqual(len(self.closed()), 2)

    def test_a_node_says_which_connections_there_are(self) -> None:
        self.begin()
        self.report(present=[seen("open", "k-1"), seen("open", "k-2")])
        self.report(present=[seen("open", "k-2")])
        self.clock.pump([KEEP_INTERVAL] * 4)
        self.assertEqual([key for key, _ in self.closed()], ["k-2"])

    def test_a_slow_reader_learns_how_many_packets_are_missing_before_the_next_one(self) -> None:
        self.begin()
        self.stream.room = 2
        self.report(*[("packet", {"seq": seq}) for seq in range(5)], dropped=10)
        self.stream.room = 100
        self.report(("packet", {"seq": 9}))
        self.assertEqual(
            self.stream.events[1:],
            [("packet", {"seq": 0}), ("dropped", {"count": 14}), ("packet", {"seq": 9})],
        )

    def test_what_is_missing_is_told_without_a_further_packet(self) -> None:
        self.begin()
        self.stream.room = 1
        self.report(("packet", {"seq": 1}))
        self.stream.room = 100
        self.clock.advance(KEEP_INTERVAL)
        self.assertEqual(self.stream.events[1:], [("dropped", {"count": 1})])

    def test_one_that_can_not_begin_ends_its_stream(self) -> None:
        self.talk.answered.errback(ZeroDivisionError())
        self.assertTrue(self.stream.has_ended)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
