"""Workers as real processes: how they start, how they end, and that others go on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from gim.log.format import as_text
from gim.workers.control import LogLines
from gim.workers.log_lines import LineForm
from gim.workers.supervisor import Supervisor, worker_environment
from gim.workers.worker_process import Worker
from tests.support.fake_worker import FROM_FAKE, WORDS, Done, Order
from tests.support.paths import ROOT
from tests.support.workers import observe_log

PATIENCE = 20.0  # seconds
TEXT = LineForm("info", json=False, with_time=False)


class Waiter:
    """Values that come in, and who waits for one."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._waiting: list[tuple[Callable[[Any], bool], Deferred[Any]]] = []

    def put(self, value: Any) -> None:
        self.values.append(value)
        for each in tuple(self._waiting):
            if each[0](value):
                self._waiting.remove(each)
                each[1].callback(value)

    def until(self, matches: Callable[[Any], bool]) -> Deferred[Any]:
        """Wait for a value; one that has come already counts."""
        found: Deferred[Any] = Deferred()
        for value in self.values:
            if matches(value):
                found.callback(value)
                return found
        self._waiting.append((matches, found))
        return found.addTimeout(PATIENCE, reactor)


class SupervisorTestCase(TestCase):
    """Supervises fake workers, which all end with the test."""

    timeout = 60

    def setUp(self) -> None:
        self.joined, self.gone, self.done, self.log, self.lines = (Waiter() for _ in range(5))
        self.crashing: set[int] = set()  # numbers of workers that crash at their start
        self.faults: dict[int, str] = {}  # that they raise, by number
        observe_log(self, lambda event: self.log.put(as_text(event, with_time=False)))

    def logged(self, text: str) -> Deferred[Any]:
        """Wait until the parent has logged a text."""
        return self.log.until(lambda line: text in line)

    def start(self, number: int) -> bytes:
        if number in self.crashing:
            return json.dumps({"crash": f"worker {number} has no luck"}).encode()
        start: dict[str, Any] = {"log": [TEXT.level, TEXT.json, TEXT.with_time]}
        if number in self.faults:
            start["fault"] = self.faults[number]
        return json.dumps(start).encode()

    def spawned(self, worker: Worker) -> None:
        worker.channel.handle(Done, lambda done: self.done.put((worker.number, done.name, done.result)))
        worker.channel.handle(LogLines, self.lines.put)

    async def supervise(self, count: int, **options: Any) -> Supervisor:
        """Start workers, and wait until the start has settled."""
        environment = worker_environment(os.environ) | {"PYTHONPATH": ROOT.path}
        self.supervisor = Supervisor(
            count,
            FROM_FAKE,
            self.start,
            reactor,
            spawned=self.spawned,
            joined=self.joined.put,
            gone=self.gone.put,
            words=WORDS,
            environment=environment,
            **options,
        )
        self.supervisor.startService()
        self.addCleanup(self.supervisor.stopService)
        await self.supervisor.settled().addTimeout(PATIENCE, reactor)
        return self.supervisor

    async def carry_out(self, worker: Worker, name: str, *arguments: Any) -> Any:
        """Let a worker carry out an order; return the result."""
        self.done.values.clear()
        self.order(worker, name, *arguments)
        return (await self.done.until(lambda done: done[:2] == (worker.number, name)))[2]

    def order(self, worker: Worker, name: str, *arguments: Any) -> None:
        worker.channel.send(Order(name, list(arguments)))


class LifeTests(SupervisorTestCase):
    async def test_all_start_and_stop_with_status_0(self) -> None:
        supervisor = await self.supervise(2)
        workers = supervisor.workers
        self.assertEqual([worker.number for worker in workers], [1, 2])
        await supervisor.stopService()
        self.assertEqual(supervisor.workers, [])
        for worker in workers:
            self.assertIn("ended with exit status 0", worker.end)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_one_that_is_killed_is_back_at_once_and_then_after_a_pause(self) -> None:
        supervisor = await self.supervise(2)
        other, killed = supervisor.workers
        os.kill(killed.pid, signal.SIGKILL)
        await self.logged(f"{killed} was killed by SIGKILL; it is started again at once; 1 of 2 workers")
        second = await self.joined.until(lambda worker: worker.number == 2 and worker is not killed)
        os.kill(second.pid, signal.SIGKILL)
        await self.logged(f"{second} was killed by SIGKILL; it is started again in 0.1 s, after 2 fail")
        await self.joined.until(lambda worker: worker.number == 2 and worker not in (killed, second))
        self.assertIs(supervisor.workers[0], other)
        self.assertEqual(self.gone.values, [killed, second])

    async def test_one_that_crashes_at_every_start_does_not_keep_the_others(self) -> None:
        self.crashing = {1}
        supervisor = await self.supervise(2)
        await self.logged("printed: worker 1 has no luck")
        await self.logged("ended with exit status 1; it is started again in")
        self.assertEqual([worker.number for worker in supervisor.workers if worker.is_ready], [2])
        self.crashing.clear()
        await self.joined.until(lambda worker: worker.number == 1)

    async def test_one_that_is_stopped_is_killed(self) -> None:
        supervisor = await self.supervise(2, ping_interval=0.3)
        stopped = supervisor.workers[0]
        os.kill(stopped.pid, signal.SIGSTOP)
        await self.logged(f"{stopped} was killed by SIGKILL, as it did not answer 5 pings in a row")
        await self.joined.until(lambda worker: worker.number == 1 and worker is not stopped)
        self.assertEqual(self.gone.values, [stopped])

    async def test_what_it_has_logged_before_a_fault_of_its_start_is_not_lost(self) -> None:
        self.faults = {1: "no luck"}
        await self.supervise(2)
        await self.logged("printed: [fake#info 1] it begins")
        await self.logged("printed: Traceback (most recent call last):")
        await self.logged("printed: RuntimeError: no luck")

    async def test_what_a_crash_prints_is_logged_with_the_number(self) -> None:
        (worker,) = (await self.supervise(1)).workers
        self.order(worker, "die", 7, "Fatal: one\nlast words")
        for line in "Fatal: one", "last words":
            await self.logged(f"{worker} printed: {line}")
        await self.logged(f"{worker} ended with exit status 7; it is started again")

    async def test_one_that_does_not_stop_is_killed(self) -> None:
        supervisor = await self.supervise(1, stop_time=0.1)
        (worker,) = supervisor.workers
        os.kill(worker.pid, signal.SIGSTOP)
        await supervisor.stopService()
        self.assertIn("was killed by SIGKILL, as it did not stop within 0.1 s", worker.end)

    async def test_signals_for_the_parent_are_ignored(self) -> None:
        (worker,) = (await self.supervise(1)).workers
        ignored = await self.carry_out(worker, "ignored_signals")
        expected = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1}
        self.assertLessEqual(expected, set(ignored))
