"""Questions to all nodes and notices: who gets them, whose answers count, and what fails alone."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import Unavailable
from gim.inspection.node_talk import ANSWER_TIMEOUT, NodeTalk
from gim.storage.announcements import Announcement, NodeMessage
from gim.storage.interface import MAX_NODE_MESSAGE
from gim.storage.memory.store import MemoryStore
from tests.support.clocks import SettableWallClock
from tests.support.settings import memory_store
from tests.support.storage_behaviour.base import RecordingListener

T = TypeVar("T")


class Size(Struct, tag="size"):
    """A question that is answered with a number."""

    unit: str = "bytes"


class Left(Struct, tag="left"):
    """A notice."""

    place: str


class Untagged(Struct):
    """A struct that other nodes could not tell from others."""


def _answer(number: int, question: Size) -> int:
    return number


class _Node(RecordingListener):
    """A listener with its talk. ``is_deaf`` loses what comes."""

    is_deaf = False

    def __init__(self, store: MemoryStore, clock: Clock) -> None:
        super().__init__(store)
        self.talk = NodeTalk(store.nodes, store.listener, clock)
        self.notices: list[Any] = []
        self.talk.handle(Left, lambda sender, left: self.notices.append((sender, left.place)))

    def on_announcement(self, news: Announcement) -> None:
        super().on_announcement(news)
        if isinstance(news, NodeMessage) and not self.is_deaf:
            self.talk.receive(news.sender, news.body)


class NodeTalkCase(SynchronousTestCase):
    """Three nodes, a, b and c, that answer with 1, 2 and 3."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.data = memory_store(self.clock, SettableWallClock(self.clock.seconds)).data
        self.a, self.b, self.c = self.nodes = [self.add(name) for name in "abc"]
        for number, node in enumerate(self.nodes, 1):
            node.talk.serve(Size, partial(_answer, number))

    def add(self, name: str) -> _Node:
        store = MemoryStore(self.data, name)
        node = _Node(store, self.clock)
        self.successResultOf(Deferred.fromCoroutine(store.start(node)))
        return node

    def begun(self, work: Coroutine[Any, Any, T]) -> Deferred[T]:
        return Deferred.fromCoroutine(work)

    def ask(self, node: _Node) -> Deferred[Any]:
        return self.begun(node.talk.ask(Size(), int))


class QuestionTests(NodeTalkCase):
    """Every node answers, the asking one too."""

    def test_all_nodes_answer_and_then_the_asking_one_waits_no_longer(self) -> None:
        answers = self.successResultOf(self.ask(self.b))
        self.assertEqual(sorted(answers), [("a", 1), ("b", 2), ("c", 3)])
        self.assertEqual(answers.missing, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_question_reaches_the_handler_as_it_was_asked(self) -> None:
        units = []
        for node in self.nodes:
            node.talk.serve(Size, lambda question: units.append(question.unit) or 0)
        self.successResultOf(self.begun(self.a.talk.ask(Size("rows"), int)))
        self.assertEqual(units, ["rows"] * 3)

    def test_a_handler_may_wait(self) -> None:
        pending: Deferred[int] = Deferred()
        self.c.talk.serve(Size, lambda question: pending)
        asking = self.ask(self.a)
        self.assertNoResult(asking)
        pending.callback(7)
        self.assertEqual(dict(self.successResultOf(asking)), {"a": 1, "b": 2, "c": 7})

    def test_a_node_that_does_not_answer_in_time_is_missing_and_its_late_answer_is_dropped(self) -> None:
        pending: Deferred[int] = Deferred()
        self.c.talk.serve(Size, lambda question: pending)
        asking = self.ask(self.a)
        self.clock.advance(ANSWER_TIMEOUT - 0.01)
        self.assertNoResult(asking)
        self.clock.pump([0.01, 0])
        answers = self.successResultOf(asking)
        self.assertEqual((dict(answers), answers.missing), ({"a": 1, "b": 2}, ["c"]))
        pending.callback(7)
        self.assertEqual(len(answers), 2)

    def test_the_asking_node_may_be_the_slow_one(self) -> None:
        pending: Deferred[int] = Deferred()
        self.a.talk.serve(Size, lambda question: pending)
        asking = self.begun(self.a.talk.ask(Size(), int, timeout=3))
        self.clock.pump([3, 0])
        answers = self.successResultOf(asking)
        self.assertEqual((dict(answers), answers.missing), ({"b": 2, "c": 3}, ["a"]))
        pending.callback(7)
        self.assertEqual(len(answers), 2)

    def test_answers_belong_to_their_questions(self) -> None:
        waiting: list[Deferred[int]] = []
        self.c.talk.serve(Size, lambda question: waiting.append(Deferred()) or waiting[-1])
        asking = [self.ask(self.a), self.ask(self.b)]
        for number, pending in reversed(list(enumerate(waiting, 10))):
            pending.callback(number)
        found = [dict(self.successResultOf(one))["c"] for one in asking]
        self.assertEqual(found, [10, 11])

    def test_a_question_may_be_cancelled(self) -> None:
        self.c.is_deaf = True
        asking = self.ask(self.a)
        asking.cancel()
        self.failureResultOf(asking)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_while_the_storage_is_away_this_node_still_answers(self) -> None:
        async def away() -> list[str]:
            raise Unavailable("the storage is away")

        self.patch(self.a.talk._nodes, "listeners", away)
        self.patch(self.a.talk._nodes, "tell", lambda listener, body: None)
        asking = self.ask(self.a)
        self.clock.pump([ANSWER_TIMEOUT, 0])
        self.assertEqual(self.successResultOf(asking), [("a", 1)])


class FaultTests(NodeTalkCase):
    """A node that can't answer is left out, and is not waited for."""

    def test_an_answer_that_fails_is_logged_and_left_out(self) -> None:
        for node in (self.a, self.c):
            node.talk.serve(Size, lambda question: 1 // 0)
        answers = self.successResultOf(self.ask(self.a))
        self.assertEqual((answers, answers.missing), ([("b", 2)], []))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_a_node_that_does_not_know_the_question_is_left_out(self) -> None:
        self.add("d")
        self.assertEqual(len(self.successResultOf(self.ask(self.a))), 3)

    def test_an_answer_of_another_type_is_logged_and_left_out(self) -> None:
        self.c.talk.serve(Size, lambda question: "large")
        self.assertEqual(dict(self.successResultOf(self.ask(self.a))), {"a": 1, "b": 2})
        self.flush_errors(1)

    def test_an_answer_that_is_too_long_is_logged_and_left_out(self) -> None:
        self.c.talk.serve(Size, lambda question: "x" * MAX_NODE_MESSAGE)
        self.assertEqual(dict(self.successResultOf(self.ask(self.a))), {"a": 1, "b": 2})

    def test_a_message_that_can_not_be_read_harms_nothing(self) -> None:
        with self.assertRaises(Exception):  # noqa: B017 # the dispatcher logs whatever it is
            self.a.talk.receive("b", b"nonsense")
        self.assertEqual(len(self.successResultOf(self.ask(self.a))), 3)

    def test_a_struct_without_a_text_for_a_tag_is_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "Untagged does not have a text for a tag"):
            self.a.talk.serve(Untagged, lambda question: 1)

    def flush_errors(self, count: int) -> None:
        self.assertEqual(len(self.flushLoggedErrors()), count)


class NoticeTests(NodeTalkCase):
    """Notices to one node or to all."""

    def heard(self) -> list[list[Any]]:
        return [node.notices for node in self.nodes]

    def test_a_notice_to_all_comes_to_every_node_once(self) -> None:
        self.b.talk.tell("", Left("hall"))
        self.assertEqual(self.heard(), [[("b", "hall")]] * 3)

    def test_a_notice_to_one_node_comes_to_no_other(self) -> None:
        self.b.talk.tell("c", Left("hall"))
        self.b.talk.tell("b", Left("attic"))
        self.assertEqual(self.heard(), [[], [("b", "attic")], [("b", "hall")]])

    def test_a_notice_that_fails_is_logged_and_the_others_get_theirs(self) -> None:
        for node in (self.a, self.b):
            node.talk.handle(Left, lambda sender, left: 1 // 0)
        self.a.talk.tell("", Left("hall"))
        self.assertEqual(self.c.notices, [("a", "hall")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_a_notice_that_a_node_does_not_know_is_ignored(self) -> None:
        self.a.talk.tell("", Size())
        self.assertEqual(self.heard(), [[]] * 3)
