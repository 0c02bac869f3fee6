"""The order of a run: connect, measure, tidy up; what a fault and Ctrl-C leave of it."""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.benchmark import session as session_module
from gim.benchmark.crew import ProcessFailure
from gim.benchmark.plan import Plan
from gim.benchmark.server_load import Reading
from gim.benchmark.session import Outcome, Session
from gim.benchmark.tally import Tally
from gim.cli.output import Output
from gim.cli.progress import Progress
from tests.support.bench_server import plan_of


class FakeCrew:
    """Does what the test says, and notes what it is asked for."""

    def __init__(self, plan: Plan, log: list[str], answers: dict[str, Any]) -> None:
        self.progress = 0
        self.is_stopped = asyncio.Event()
        self._plan = plan
        self._log = log
        self._answers = answers

    async def __aenter__(self) -> FakeCrew:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._log.append("end")

    async def do(self, name: str) -> list[Any]:
        self._log.append(name)
        answer = self._answers.get(name, [None])
        if isinstance(answer, BaseException):
            raise answer
        self.progress = len(self._plan.users)
        return list(answer)

    async def open_some(self, count: int) -> float:
        self._log.append(f"open {count}")
        return 0.5

    async def answers(self, name: str, at: float) -> list[dict[str, Any]]:
        self._log.append(name)
        if act := self._answers.get("then"):
            act()
            await self.is_stopped.wait()
        return list(self._answers["measure"])

    def stop(self) -> None:
        self.is_stopped.set()


class Probe:
    """A server whose memory grows by 1 MB with each reading."""

    def __init__(self) -> None:
        self.readings = 0

    def read(self) -> Reading:
        self.readings += 1
        return Reading(float(self.readings), self.readings / 2, self.readings * 1e6)


class SessionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log: list[str] = []
        self.shown: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}
        self.interrupt: Callable[[], None] = lambda: None
        self.patch(session_module, "_SETTLE_S", 0.0)
        self.patch(session_module, "Crew", lambda plan: FakeCrew(plan, self.log, self.answers))
        self.patch(sys, "stderr", io.StringIO())

    def tally(self, seconds: float = 60.0, **counts: int) -> dict[str, Any]:
        tally = Tally()
        tally.counts.update(counts)
        return {"done": "measure", "tally": tally.as_json(), "measured_s": seconds}

    def run_plans(self, *plans: Plan) -> Outcome:
        args = argparse.Namespace(json=False, quiet=False, no_color=False)
        probe: Any = Probe()
        session = Session(probe, Progress(Output(args)), self.shown.append)

        async def run() -> Outcome:
            loop = asyncio.get_running_loop()

            def take(number: int, act: Callable[[], None]) -> None:
                self.interrupt = act

            loop.add_signal_handler = take  # type: ignore[assignment]
            return await session.run(list(plans))

        return asyncio.run(run())

    def test_private_messages(self) -> None:
        self.answers["measure"] = [self.tally(messages=60), self.tally(messages=120)]
        outcome = self.run_plans(plan_of("private", 4, processes=2))
        self.assertEqual(self.log, ["open", "measure", "close", "end"])
        (found,) = self.shown
        self.assertEqual((found["messages"], found["messages_per_s"]), (180, 3.0))
        self.assertTrue(outcome.has_users)
        self.assertIsNone(outcome.failure)

    def test_chatrooms_are_created_joined_and_dismissed(self) -> None:
        self.answers |= {"measure": [self.tally()], "dismiss": [["bench-room"], []]}
        outcome = self.run_plans(plan_of("fanout", 4))
        self.assertEqual(self.log, ["open", "create", "join", "measure", "dismiss", "close", "end"])
        self.assertEqual(outcome.rooms_left, ["bench-room"])

    def test_chatrooms_that_could_not_be_joined_are_left(self) -> None:
        self.answers["join"] = ProcessFailure({"failed": "409", "status": 1})
        outcome = self.run_plans(plan_of("fanout", 4))
        self.assertEqual((outcome.rooms_left, str(outcome.failure)), (["bench-room"], "409"))

    def test_idle_connections_come_in_two_parts(self) -> None:
        self.answers["measure"] = [self.tally(connected=1000)]
        self.run_plans(plan_of("idle", 1000))
        self.assertEqual(self.log, ["open 50", "open 950", "measure", "close", "end"])
        (found,) = self.shown
        self.assertEqual((found["rss_bytes_per_connection"], found["logins_per_s"]), (1053, 1900.0))

    def test_a_fault_ends_the_run_and_what_was_measured_is_shown(self) -> None:
        failed = {"failed": "the server has closed all connections: 1006", "status": 3}
        self.answers["measure"] = [self.tally(seconds=2.0, messages=4) | failed]
        outcome = self.run_plans(plan_of("private", 2), plan_of("login", 2))
        assert outcome.failure is not None
        self.assertEqual((str(outcome.failure), outcome.failure.status), (failed["failed"], 3))
        self.assertEqual([found["messages_per_s"] for found in self.shown], [2.0])
        self.assertEqual(self.log.count("measure"), 1)

    def test_a_server_that_can_not_be_reached_leaves_nothing_behind(self) -> None:
        self.answers["open"] = ProcessFailure({"failed": "can't be reached", "status": 3})
        outcome = self.run_plans(plan_of("private", 2))
        self.assertEqual((outcome.has_users, self.shown, self.log), (False, [], ["open", "end"]))

    def test_ctrl_c_in_the_window_ends_it(self) -> None:
        self.answers |= {"measure": [self.tally(seconds=1.0)], "then": lambda: self.interrupt()}
        outcome = self.run_plans(plan_of("private", 2), plan_of("login", 2))
        self.assertTrue(outcome.is_interrupted)
        self.assertEqual((len(self.shown), self.log), (1, ["open", "measure", "close", "end"]))

    def test_ctrl_c_before_the_window_shows_nothing(self) -> None:
        self.answers |= {"measure": [self.tally(seconds=0.0)], "then": lambda: self.interrupt()}
        outcome = self.run_plans(plan_of("private", 2))
        self.assertEqual((outcome.is_interrupted, self.shown), (True, []))

    def test_a_second_ctrl_c_waits_for_nothing(self) -> None:
        self.answers |= {"measure": [], "then": lambda: (self.interrupt(), self.interrupt())}
        self.patch(FakeCrew, "stop", lambda crew: None)
        outcome = self.run_plans(plan_of("fanout", 2))
        self.assertEqual((outcome.is_interrupted, self.log[-1]), (True, "end"))
        self.assertEqual(outcome.rooms_left, ["bench-room"])
