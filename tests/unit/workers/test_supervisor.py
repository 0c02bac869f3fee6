"""When workers are started, killed and started again."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gim.log.format import as_text
from gim.workers.control import TO_PARENT, Joined, Leave, LogLines, Ready
from gim.workers.settling import STRAGGLER_TIME
from gim.workers.supervisor import (
    MAX_START_TIMES,
    MAX_UNANSWERED,
    RESTART,
    SERVED_TIME,
    START_TIME,
    STOP_TIME,
    Supervisor,
    worker_environment,
)
from gim.workers.worker_process import EXIT_TIME, Worker
from tests.support.workers import FakeProcess, FakeReactor, observe_log


class SupervisorTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.events: list[tuple[str, int]] = []
        self.logged: list[str] = []
        observe_log(self, lambda event: self.logged.append(as_text(event, False)))

    def supervise(self, count: int, **options: Any) -> Supervisor:
        names = "spawned", "joined", "gone"
        events = {name: self.event(name) for name in names} | options
        supervisor = Supervisor(count, TO_PARENT, lambda number: b"%d" % number, self.reactor, **events)
        self.addCleanup(self.end_all, supervisor)
        supervisor.startService()
        self.reactor.advance(0)
        return supervisor

    def event(self, name: str) -> Any:
        return lambda worker: self.events.append((name, worker.number))

    def end_all(self, supervisor: Supervisor) -> None:
        stopped = supervisor.stopService()
        for process in self.reactor.running:
            process.end()
        self.successResultOf(stopped)
        self.reactor.pump([0, 0])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def serving(self, count: int, **options: Any) -> Supervisor:
        """Return a supervisor whose workers all serve."""
        supervisor = self.supervise(count, **options)
        for process in self.reactor.processes:
            process.serve()
        return supervisor

    def wait(self, seconds: float) -> None:
        """Let time pass, with an iteration of the reactor every 100 ms."""
        self.reactor.pump([0.1] * round(seconds * 10))

    @property
    def newest(self) -> FakeProcess:
        return self.reactor.processes[-1]

    @property
    def line(self) -> str:
        return self.logged[-1]


class StartTests(SupervisorTestCase):
    def test_all_start_at_once_each_with_its_number_and_the_pid_of_the_parent(self) -> None:
        self.supervise(3)
        for number, process in enumerate(self.reactor.processes, 1):
            words = (sys.executable, "-P", "-m", "gim.worker", str(number), str(os.getpid()))
            self.assertEqual(process.words, words)
            self.assertEqual((process.start, process.is_input_closed), (b"%d" % number, True))

    def test_the_environment_has_no_secret_of_gim_and_the_paths_of_modules(self) -> None:
        variables = worker_environment({"GIM_ADMIN_KEY": "secret", "HOME": "/home"})
        self.assertEqual(variables, {"HOME": "/home", "PYTHONPATH": os.pathsep.join(sys.path)})

    def test_events_come_in_order(self) -> None:
        supervisor = self.supervise(1)
        process = self.newest
        process.send(Joined())
        self.assertEqual(self.events, [("spawned", 1), ("joined", 1)])
        (worker,) = supervisor.workers
        self.assertEqual((worker.pid, worker.has_joined, worker.is_ready), (1000, True, False))
        process.send(Ready())
        self.assertTrue(worker.is_ready)
        process.end(signal.SIGKILL)
        self.assertEqual(self.events[2:], [("gone", 1)])

    def settles(self, supervisor: Supervisor) -> Deferred[None]:
        settled = supervisor.settled()
        self.assertNoResult(settled)
        return settled

    def test_it_has_settled_when_all_are_ready(self) -> None:
        supervisor = self.supervise(2)
        settled = self.settles(supervisor)
        for process in self.reactor.processes:
            self.assertNoResult(settled)
            process.serve()
        self.successResultOf(settled)
        self.successResultOf(supervisor.settled())

    def test_one_that_crashes_at_its_start_is_not_waited_for(self) -> None:
        supervisor = self.supervise(2)
        settled = self.settles(supervisor)
        first, second = self.reactor.processes
        first.end(status=1)
        self.assertNoResult(settled)
        second.serve()
        self.successResultOf(settled)

    def test_one_that_is_late_is_waited_for_a_while_only(self) -> None:
        settled = self.settles(self.supervise(2))
        self.newest.serve()
        self.reactor.advance(STRAGGLER_TIME - 0.1)
        self.assertNoResult(settled)
        self.reactor.advance(0.1)
        self.successResultOf(settled)

    def test_one_that_was_ready_first_and_has_ended_does_not_count(self) -> None:
        settled = self.settles(self.supervise(2))
        self.reactor.processes[0].serve()
        self.reactor.processes[0].end(status=1)
        self.reactor.advance(STRAGGLER_TIME)
        self.assertNoResult(settled)
        self.newest.serve()
        self.successResultOf(settled)

    def test_where_all_crash_it_waits_for_the_first_that_does_not(self) -> None:
        settled = self.settles(self.supervise(2))
        for process in tuple(self.reactor.processes):
            process.end(status=1)
        self.assertNoResult(settled)
        self.reactor.advance(0)
        self.newest.serve()
        self.successResultOf(settled)

    def test_one_that_can_not_be_started_is_tried_again(self) -> None:
        self.reactor.fails = True
        self.supervise(1)
        self.assertIn("worker 1 could not be started: BlockingIOError(11", self.logged[0])
        self.assertIn(f" for {sys.executable};", self.logged[0])
        self.reactor.fails = False
        self.wait(RESTART.longest)
        self.assertEqual(len(self.reactor.running), 1)
        self.assertEqual(self.events, [("spawned", 1)])


class RestartTests(SupervisorTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(RESTART.__class__, "pause", lambda backoff, failures: 0.5 * failures)

    def test_the_first_time_at_once_and_then_after_pauses(self) -> None:
        self.serving(2)
        for failures, when in enumerate(("at once", "in 0.5 s, after 2", "in 1.0 s, after 3"), 1):
            self.newest.end(signal.SIGSEGV)
            self.assertIn("(pid 10", self.line)
            self.assertIn(f"was killed by SIGSEGV; it is started again {when}", self.line)
            self.assertIn("; 1 of 2 workers serve\n", self.line)
            self.assertEqual(len(self.reactor.running), 1)
            self.reactor.advance(0.5 * (failures - 1))
            self.assertEqual([process.start for process in self.reactor.running], [b"1", b"2"])

    def test_one_that_has_served_for_a_while_is_started_at_once_again(self) -> None:
        self.serving(1)
        for _ in range(3):
            self.reactor.advance(SERVED_TIME)
            self.newest.end(status=1)
            self.assertIn("ended with exit status 1; it is started again at once", self.line)
            self.reactor.advance(0)
            self.newest.serve()

    def test_time_before_it_is_ready_does_not_count(self) -> None:
        self.supervise(1, start_time=1000.0)
        for when in "at once", "in 0.5 s":
            self.reactor.advance(20)
            self.newest.end(status=1)
            self.assertIn(when, self.line)

    def test_one_that_ends_by_itself_without_a_fault_is_started_again_too(self) -> None:
        self.serving(1)
        self.newest.end()
        self.assertIn("ended with exit status 0; it is started again at once", self.line)

    def test_a_signal_without_a_name_is_named_by_its_number(self) -> None:
        self.serving(1)
        self.newest.end(40)
        self.assertIn("was killed by signal 40; it is started again at once", self.line)

    def test_an_event_that_fails_does_not_keep_it_from_being_started(self) -> None:
        divisors = iter([0, 1])
        self.serving(1, gone=lambda worker: 1 // next(divisors))
        self.newest.end(status=1)
        self.reactor.advance(0)
        self.assertEqual(len(self.reactor.running), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_one_that_can_not_be_set_up_is_started_again(self) -> None:
        divisors = iter([0, 1])
        self.supervise(1, spawned=lambda worker: 1 // next(divisors))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIn("as its parent could not set it up; it is started again at once", self.line)
        self.reactor.advance(0)
        self.assertEqual([len(self.reactor.processes), len(self.reactor.running)], [2, 1])


class EndTests(SupervisorTestCase):
    """What belongs to the end of a process: its exit, the end of its link, its last words."""

    def test_what_it_has_sent_is_read_before_it_is_gone(self) -> None:
        lines: list[LogLines] = []
        self.serving(1, spawned=lambda worker: worker.channel.handle(LogLines, lines.append))
        process = self.newest
        process.exit(signal.SIGKILL)
        self.assertNotIn(("gone", 1), self.events)
        process.send(LogLines([(1, "last words\n")]))
        process.channel.transport.loseConnection()
        self.assertEqual((len(lines), self.events[-1]), (1, ("gone", 1)))

    def test_a_process_without_a_link_is_killed_after_a_moment(self) -> None:
        self.serving(1)
        process = self.newest
        process.channel.transport.loseConnection()
        self.wait(EXIT_TIME - 0.1)
        self.assertFalse(process.has_ended)
        self.wait(0.2)
        self.assertIn("was killed by SIGKILL, as it has closed the link: Connection was", self.line)

    def test_one_that_reads_no_more_is_killed_at_once(self) -> None:
        (worker,) = self.serving(1).workers
        worker.channel.transport.is_stuck = True
        worker.channel.send(LogLines([(1, "x" * (33 * 2**20))]))
        self.reactor.advance(0)
        worker.channel.send(LogLines([(1, "x" * (33 * 2**20))]))
        self.reactor.advance(0)
        self.assertIn("was killed by SIGKILL, as the link to it is of no use: 69", self.line)
        self.assertIn("bytes wait to be read by the other side; it is started again at once", self.line)

    def test_what_it_prints_is_logged(self) -> None:
        (worker,) = self.serving(1).workers
        worker.childDataReceived(2, b"Fatal Python error: \xff\nno")
        worker.childDataReceived(1, b"an")
        worker.childDataReceived(2, b" end")
        worker.childDataReceived(1, b"other\n")
        self.newest.end(status=1)
        printed = [line for line in self.logged if "printed" in line]
        texts = "Fatal Python error: \N{REPLACEMENT CHARACTER}", "another", "no end"
        for line, text in zip(printed, texts, strict=True):
            self.assertIn(f"#error] worker 1 (pid 1000) printed: {text}\n", line)

    def test_a_flood_of_it_is_cut(self) -> None:
        (worker,) = self.serving(1).workers
        for _ in range(100):
            worker.childDataReceived(2, b"x" * 9_999 + b"\n")
        self.newest.end(status=1)
        printed = [line for line in self.logged if "printed" in line]
        self.assertIn("printed: 934464 bytes more were printed\n", printed[-1])
        self.assertLess(sum(map(len, printed)), 70_000)

    def test_the_pair_for_sockets_is_closed_after_it_is_gone(self) -> None:
        open_then: list[bool] = []

        def gone(worker: Worker) -> None:
            open_then.append(worker.hand_over.fileno() >= 0 and worker.their_hand_over.fileno() >= 0)

        (worker,) = self.serving(1, gone=gone).workers
        self.newest.end(status=1)
        self.assertEqual(open_then, [True])
        self.assertEqual((worker.hand_over.fileno(), worker.their_hand_over.fileno()), (-1, -1))


class PingTests(SupervisorTestCase):
    def stuck(self, count: int) -> FakeProcess:
        """Return a process of several that reads nothing any more."""
        supervisor = self.serving(count)
        self.wait(1.5)  # it has answered
        supervisor.workers[0].channel.transport.is_stuck = True
        return self.reactor.processes[0]

    def test_one_that_answers_lives(self) -> None:
        self.serving(1)
        self.wait(60)
        self.assertEqual(len(self.reactor.processes), 1)

    def test_one_that_does_not_answer_is_killed(self) -> None:
        process = self.stuck(2)
        self.wait(MAX_UNANSWERED)
        self.assertFalse(process.has_ended)
        self.wait(1)
        self.assertTrue(process.has_ended)
        self.assertIn("was killed by SIGKILL, as it did not answer 5 pings in a row; it is", self.line)
        self.assertEqual(len(self.reactor.processes), 3)

    def test_one_that_has_joined_and_never_answered_is_killed_as_well(self) -> None:
        supervisor = self.serving(1)
        supervisor.workers[0].channel.transport.is_stuck = True
        self.wait(MAX_UNANSWERED + 1.5)
        self.assertIn("as it did not answer 5 pings in a row; it is started", self.line)

    def test_one_that_begins_late_has_time_for_the_pings_of_its_start(self) -> None:
        supervisor = self.supervise(1)
        process = self.newest
        process.channel.transport.is_stuck = True
        self.wait(MAX_UNANSWERED + 3.5)
        process.channel.transport.stuck.clear()
        process.channel.transport.is_stuck = False
        process.serve()
        supervisor.workers[0].channel.transport.is_stuck = True
        self.wait(MAX_UNANSWERED - 1)
        self.assertFalse(process.has_ended)

    def test_a_pause_of_the_parent_harms_none(self) -> None:
        self.serving(1)
        self.wait(1.5)
        self.reactor.advance(60)
        self.wait(10)
        self.assertEqual(len(self.reactor.processes), 1)

    def test_one_that_never_begins_to_answer_is_killed(self) -> None:
        self.supervise(1)
        process = self.newest
        process.worker.channel.transport.is_stuck = True
        self.wait(START_TIME - 1)
        self.assertFalse(process.has_ended)
        self.wait(2)
        self.assertIn("as it did not begin to answer within 30 s; it is started", self.line)

    def test_the_next_one_has_more_time_to_begin(self) -> None:
        def hang(worker: Worker) -> None:
            worker.channel.transport.is_stuck = True

        self.supervise(1, spawned=hang)
        ages = []
        for _ in range(MAX_START_TIMES + 1):
            process = self.newest
            while not process.has_ended:
                self.reactor.advance(1.0)
            ages.append(round((self.reactor.seconds() - process.worker.spawned_at) / START_TIME))
            self.reactor.advance(RESTART.longest)
        self.assertEqual(ages, [*range(1, MAX_START_TIMES + 1), MAX_START_TIMES])


class StopTests(SupervisorTestCase):
    def test_workers_stop_and_it_waits_for_them(self) -> None:
        supervisor = self.serving(2)
        stopped = supervisor.stopService()
        self.reactor.advance(0)
        for process in self.reactor.processes:
            self.assertNoResult(stopped)
            self.assertEqual(len(process.received), 1)
            process.end()
        self.successResultOf(stopped)
        self.assertEqual([line for line in self.logged if "#error]" in line], [])
        self.successResultOf(supervisor.stopService())

    def test_one_that_does_not_stop_is_killed(self) -> None:
        stopped = self.serving(1).stopService()
        self.wait(STOP_TIME - 0.1)
        self.assertNoResult(stopped)
        self.wait(0.2)
        self.successResultOf(stopped)
        self.assertIn("#error] worker 1 (pid 1000) was killed by SIGKILL, as it did not stop", self.line)

    def test_one_that_crashes_meanwhile_is_an_error(self) -> None:
        stopped = self.serving(1).stopService()
        self.newest.end(signal.SIGSEGV)
        self.successResultOf(stopped)
        self.assertIn("#error] worker 1 (pid 1000) was killed by SIGSEGV\n", self.line)

    def test_one_that_has_not_joined_is_killed_at_once(self) -> None:
        self.successResultOf(self.supervise(1).stopService())
        self.assertEqual(self.reactor.running, [])
        self.assertIn("#debug] worker 1 (pid 1000) was killed by SIGKILL, as it was to stop", self.line)

    def test_no_worker_is_started_from_then_on(self) -> None:
        supervisor = self.serving(2)
        self.newest.end(status=1)
        supervisor.hold()
        self.reactor.processes[0].end(status=1)
        self.wait(RESTART.longest)
        self.assertEqual(self.reactor.running, [])
        self.assertIn("#error] worker 1 (pid 1000) ended with exit status 1\n", self.line)

    def test_a_last_question_is_answered(self) -> None:
        self.serving(1)
        answer = self.newest.channel.ask(Leave(), type(None))
        self.reactor.pump([0, 0])
        self.successResultOf(answer)
