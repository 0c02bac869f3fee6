"""How the daemon with workers starts and stops: what comes after what."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gim.daemon.parent_daemon import DRAIN_PATIENCE, HURRY_PATIENCE, ParentDaemon
from gim.log.format import as_text
from gim.workers.control import TO_PARENT, Drain, Hurry, PrepareToDrain, Stop
from gim.workers.supervisor import Supervisor
from tests.support.workers import FakeProcess, FakeReactor, observe_log


class Part(Service):
    """Writes down when it starts, accepts and stops."""

    def __init__(self, name: str, diary: list[str]) -> None:
        self.setName(name)
        self.diary = diary
        self.stops: Deferred[None] | None = None  # what its stop waits for

    def startService(self) -> None:
        super().startService()
        self.diary.append(f"{self.name} starts")

    def accept(self) -> None:
        self.diary.append(f"{self.name} accepts")

    def stopService(self) -> Deferred[None] | None:
        if self.running:
            self.diary.append(f"{self.name} stops")
        super().stopService()
        return self.stops


class ParentTestCase(SynchronousTestCase):
    drain = 4.0  # seconds

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.diary: list[str] = []
        observe_log(self, self.observe)
        self.supervisor = Supervisor(2, TO_PARENT, lambda number: b"", self.reactor)
        parts = self.store, self.gateway, self.api, self.hooks = [
            Part(name, self.diary) for name in ("store", "gateway", "api", "webhooks")
        ]
        early = self.hooks, self.api
        self.daemon = ParentDaemon(
            self.supervisor, self.gateway, early, self.reactor, self.drain, lambda application: None
        )
        for part in (*parts, self.supervisor):
            part.setServiceParent(self.daemon)
        self.daemon.startService()
        self.reactor.advance(0)

    def observe(self, event: Any) -> None:
        if event.get("log_namespace") == "gim.daemon.parent_daemon.ParentDaemon":
            self.diary.append(as_text(event, False).partition("] ")[2].rstrip())

    def serve(self, *connections: int) -> list[FakeProcess]:
        """Let the workers serve; forget what the diary says of the start."""
        for process, count in zip(self.reactor.processes, connections, strict=True):
            process.connections = count
            process.serve()
        self.diary.clear()
        return self.reactor.processes

    def stop(self) -> Deferred[None]:
        stopped = self.daemon.stopService()
        self.pump()
        return stopped

    def pump(self) -> None:
        self.reactor.pump([0] * 8)


class OrderTests(ParentTestCase):
    def test_the_gateway_accepts_once_when_the_workers_have_settled(self) -> None:
        names = "store", "gateway", "api", "webhooks"
        self.assertEqual(self.diary, [f"{name} starts" for name in names])
        for process in self.reactor.processes:
            self.assertEqual(len(self.diary), 4)
            process.serve()
        self.assertEqual(self.diary[4:], ["gateway accepts"])
        self.diary.clear()
        self.reactor.processes[0].end(status=1)
        self.reactor.advance(0)
        self.reactor.processes[-1].serve()
        self.assertEqual(self.diary, [])

    def test_what_stops_before_the_workers_stops_once(self) -> None:
        stops: list[str] = []
        for part in self.hooks, self.api:
            self.patch(part, "stopService", lambda name=part.name: stops.append(name))
        self.stop()
        self.assertEqual(stops, ["webhooks", "api"])

    def test_it_stops_in_order(self) -> None:
        first, second = self.serve(3, 5)
        self.hooks.stops = Deferred()
        stopped = self.stop()
        self.assertEqual(self.diary, ["gateway stops", "stopping, 8 connections to close"])
        for place, process in enumerate((first, second)):
            prepare, drain = process.received
            self.assertIsInstance(prepare, PrepareToDrain)
            assert isinstance(drain, Drain)
            self.assertEqual((drain.duration, drain.counts, drain.place), (4.0, (3, 5), place))
        first.drained.callback(None)
        self.pump()
        self.assertEqual(len(self.diary), 2)
        second.drained.callback(None)
        self.pump()
        self.assertEqual(self.diary[2:], ["webhooks stops", "api stops"])
        self.assertEqual(len(first.received), 2)  # workers send the last webhooks
        self.hooks.stops.callback(None)
        self.pump()
        for process in first, second:
            self.assertIsInstance(process.received[-1], Stop)
            self.assertNoResult(stopped)
            self.assertEqual(len(self.diary), 4)
            process.end()
        self.successResultOf(stopped)
        self.assertEqual(self.diary[4:], ["store stops", "stopped"])
        self.pump()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_worker_that_dies_meanwhile_is_not_waited_for_and_not_started(self) -> None:
        first, second = self.serve(1, 1)
        stopped = self.stop()
        first.end(status=1)
        second.drained.callback(None)
        self.pump()
        second.end()
        self.successResultOf(stopped)
        self.assertEqual(len(self.reactor.processes), 2)
        self.assertEqual(self.diary[2:4], ["webhooks stops", "api stops"])

    def test_a_worker_that_does_not_answer_counts_for_none(self) -> None:
        first, second = self.serve(3, 5)
        self.reactor.pump([1.0, 0, 0, 0])  # they answer a ping
        self.supervisor.workers[0].channel.transport.is_stuck = True
        stopped = self.stop()
        self.reactor.pump([1.5, 0, 0, 0, 0, 0])
        self.assertEqual(self.diary, ["gateway stops", "stopping, 5 connections to close"])
        second.drained.callback(None)
        self.reactor.pump([1.0] * 6)  # it is killed as it answers no ping
        self.assertTrue(first.has_ended)
        second.end()
        self.successResultOf(stopped)

    def test_a_worker_that_can_not_end_its_connections_is_given_up(self) -> None:
        first, second = self.serve(1, 1)
        stopped = self.stop()
        second.drained.callback(None)
        self.reactor.pump([0.5] * round(2 * (self.drain + DRAIN_PATIENCE)))
        self.assertEqual(self.diary[2], "worker 1 (pid 1000) did not close its connections within 8 s")
        for process in first, second:
            self.assertIsInstance(process.received[-1], Stop)
            process.end()
        self.successResultOf(stopped)

    def test_it_stops_before_any_worker_serves(self) -> None:
        self.diary.clear()
        self.successResultOf(self.stop())
        self.assertEqual(self.reactor.running, [])
        self.assertNotIn("gateway accepts", self.diary)


class HurryTests(ParentTestCase):
    def test_a_second_signal_hurries_all(self) -> None:
        processes = self.serve(1, 1)
        stopped = self.stop()
        self.daemon.hurry()
        self.pump()
        self.assertEqual(self.diary[-1], "second stop signal: not waiting for clients any more")
        for process in processes:
            self.assertIsInstance(process.received[-1], Hurry)
            process.drained.callback(None)
        self.pump()
        for process in processes:
            process.end()
        self.successResultOf(stopped)

    def test_one_that_comes_before_the_workers_have_answered_drains_at_once(self) -> None:
        processes = self.serve(1, 1)
        stopped = self.daemon.stopService()
        self.daemon.hurry()
        self.pump()
        for process in processes:
            drain = process.received[-1]
            assert isinstance(drain, Drain)
            self.assertEqual(drain.duration, 0.0)
            process.drained.callback(None)
        self.pump()
        for process in processes:
            process.end()
        self.successResultOf(stopped)

    def test_a_worker_that_does_not_hurry_is_killed(self) -> None:
        first, second = self.serve(1, 1)
        stopped = self.stop()
        self.daemon.hurry()
        second.drained.callback(None)
        self.pump()
        self.reactor.pump([0.1] * round(10 * HURRY_PATIENCE + 1))
        self.assertEqual((first.has_ended, second.has_ended), (True, False))
        self.pump()
        second.end()
        self.successResultOf(stopped)
