"""A worker's services: what its parent learns of them, and what they do when it says so."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType
from typing import Any

from msgspec import Struct
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.daemon.drain import CLOSING_TIME, HURRY_TIME
from gim.daemon.worker_daemon import WorkerDaemon
from gim.gateway.draining import shares_of
from gim.link.channel import Channel
from gim.link.messages import Question
from gim.workers.control import (
    TO_PARENT,
    TO_WORKER,
    Drain,
    Hurry,
    Joined,
    Leave,
    PrepareToDrain,
    Ready,
    Stop,
)
from tests.support.channels import connect


class FakeChat:
    """Writes down what is called."""

    def __init__(self, diary: list[str]) -> None:
        self.diary = diary
        self.storage: Deferred[None] = Deferred()  # fires when it serves

    async def start(self) -> None:
        await self.storage

    def drain(self) -> None:
        self.diary.append("chat drains")

    def flush(self) -> None:
        self.diary.append("pushes are flushed")

    async def stop(self) -> None:
        self.diary.append("chat stops")


class FakeGateway:
    """Has two connections, and a test says when they are closed."""

    def __init__(self, diary: list[str]) -> None:
        self.diary = diary
        self.takes_upgrades = False
        self.connections = ["ann", "bob"]
        self.closed: Deferred[None] = Deferred()
        self.drains: list[tuple[float, Sequence[float]]] = []

    def drain(self, duration: float, shares: Sequence[float]) -> Deferred[None]:
        self.drains.append((duration, shares))
        return self.closed

    def finish_draining(self) -> None:
        self.diary.append("the rest is closed")

    def abort_all(self) -> None:
        self.diary.append("all are dropped")
        self.closed.callback(None)


class WorkerDaemonTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.diary: list[str] = []
        self.received: list[Struct] = []  # by the parent
        self.statuses: list[int] = []  # the process has ended with
        self.parent = Channel(TO_PARENT, self.clock, on_end=lambda why: None)
        for kind in Joined, Ready:
            self.parent.handle(kind, self.received.append)
        self.parent.serve(Leave, self.agree)
        worker = Channel(TO_WORKER, self.clock, on_end=lambda why: None)
        connect(self.parent, worker)
        self.chat, self.gateway = FakeChat(self.diary), FakeGateway(self.diary)
        chat: Any = self.chat
        gateway: Any = self.gateway
        self.daemon = WorkerDaemon(
            chat,
            gateway,
            accept=lambda: self.diary.append("the gateway accepts"),
            channel=worker,
            clock=self.clock,
            take_waiting=lambda: self.diary.append("waiting sockets are taken"),
            flush_log=lambda: self.diary.append("the log is flushed"),
            leave=self.statuses.append,
        )
        self.service = Service()
        self.service.setServiceParent(self.daemon)

    async def agree(self, question: Leave) -> None:
        self.diary.append("the parent has read all")

    def pump(self, seconds: float = 0) -> None:
        self.clock.pump([seconds, 0, 0, 0, 0])

    def tell(self, message: Struct) -> None:
        self.parent.send(message)
        self.pump()

    def ask(self, question: Question, result: Any = NoneType) -> Deferred[Any]:
        answer: Deferred[Any] = self.parent.ask(question, result, 100.0)
        self.pump()
        return answer

    def serve(self) -> None:
        self.daemon.startService()
        self.chat.storage.callback(None)
        self.pump()
        self.diary.clear()

    def test_the_parent_learns_when_it_runs_and_when_its_storage_serves(self) -> None:
        self.daemon.startService()
        self.pump()
        self.assertEqual(self.received, [Joined()])
        self.assertTrue(self.service.running)
        self.assertEqual((self.diary, self.gateway.takes_upgrades), ([], False))
        self.chat.storage.callback(None)
        self.pump()
        self.assertEqual((self.received, self.gateway.takes_upgrades), ([Joined(), Ready()], True))
        self.assertEqual(self.diary, ["the gateway accepts"])

    def test_it_ends_if_its_storage_can_not_start(self) -> None:
        self.daemon.startService()
        self.chat.storage.errback(ZeroDivisionError())
        self.pump()
        self.assertEqual((self.received, self.statuses), ([Joined()], [1]))
        self.assertEqual(self.diary, ["the log is flushed", "the parent has read all"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_before_a_drain_it_counts_the_connections_that_wait_too(self) -> None:
        self.serve()
        count = self.ask(PrepareToDrain(), int)
        self.assertEqual(self.successResultOf(count), 2)
        self.assertEqual(self.diary, ["waiting sockets are taken", "chat drains"])
        self.assertFalse(self.gateway.takes_upgrades)

    def test_it_drains_with_its_shares_of_the_whole(self) -> None:
        self.serve()
        drained = self.ask(Drain(duration=4.0, counts=(3, 2), place=1))
        self.assertEqual(self.gateway.drains, [(4.0, shares_of((3, 2), 1))])
        self.assertNoResult(drained)
        self.gateway.closed.callback(None)
        self.pump()
        self.successResultOf(drained)
        self.assertEqual(self.diary, ["pushes are flushed"])

    def test_clients_that_do_not_answer_are_dropped(self) -> None:
        self.serve()
        drained = self.ask(Drain(duration=4.0, counts=(2,), place=0))
        self.pump(4.0 + CLOSING_TIME)
        self.successResultOf(drained)
        self.assertEqual(self.diary, ["all are dropped", "pushes are flushed"])

    def test_it_can_be_hurried(self) -> None:
        self.serve()
        drained = self.ask(Drain(duration=60.0, counts=(2,), place=0))
        self.tell(Hurry())
        self.assertEqual(self.diary, ["the rest is closed"])
        self.pump(HURRY_TIME)
        self.successResultOf(drained)
        self.assertEqual(self.diary[1:], ["all are dropped", "pushes are flushed"])

    def test_a_drain_after_that_has_no_time(self) -> None:
        self.serve()
        self.tell(Hurry())
        self.ask(Drain(duration=60.0, counts=(2,), place=0))
        self.assertEqual(self.gateway.drains[0][0], 0.0)
        self.pump(HURRY_TIME)

    def test_it_stops_in_order_and_its_last_words_are_read(self) -> None:
        self.serve()
        self.tell(Stop())
        self.assertFalse(self.service.running)
        self.assertEqual(self.diary, ["chat stops", "the log is flushed", "the parent has read all"])
        self.assertEqual(self.statuses, [0])

    def test_a_storage_that_can_not_stop_does_not_keep_it(self) -> None:
        self.serve()
        self.patch(self.chat, "stop", lambda: 1 // 0)
        self.tell(Stop())
        self.assertEqual((self.statuses, self.diary[-1]), ([1], "the parent has read all"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
