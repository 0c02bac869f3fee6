"""Both ends of the lines between the command and the processes of the generator."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.benchmark import generator
from gim.benchmark import traffic as traffic_module
from gim.benchmark.crew import Crew, ProcessFailure
from gim.benchmark.packets import FIRST_NUMBER
from gim.benchmark.plan import Plan
from gim.cli.failures import Unreachable
from tests.support.bench_server import ServerEnd, plan_of


class FakeProcess:
    """A child process whose lines are answered by the test."""

    def __init__(self, answer: Callable[[FakeProcess, Any], None]) -> None:
        self.stdin = self
        self.stdout = asyncio.StreamReader()
        self.returncode: int | None = None
        self.lines: list[Any] = []
        self.is_stuck = False
        self._answer = answer

    def write(self, data: bytes) -> None:
        line = json.loads(data)
        self.lines.append(line)
        self._answer(self, line)

    def say(self, line: Any) -> None:
        self.stdout.feed_data(json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        if not self.is_stuck:
            self.kill()

    def kill(self) -> None:
        self.returncode = 0
        self.stdout.feed_eof()

    async def wait(self) -> None:
        if self.returncode is None:
            raise TimeoutError


class CrewTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.processes: list[FakeProcess] = []
        self.patch(asyncio, "create_subprocess_exec", self.start)

    async def start(self, *words: str, **options: Any) -> FakeProcess:
        self.processes.append(FakeProcess(self.answer))
        return self.processes[-1]

    def answer(self, process: FakeProcess, line: Any) -> None:
        """Answer by the number of the process, unless it should stay silent."""
        if line.get("do") in ("open", "measure"):
            process.say({"progress": 5})
            process.say({"done": line["do"], "found": self.processes.index(process)})

    def with_crew(self, test: Callable[[Crew], Awaitable[None]]) -> None:
        async def run() -> None:
            async with Crew(plan_of("private", 8, processes=2)) as crew:
                await test(crew)

        asyncio.run(run())

    def test_each_process_gets_its_part_of_the_plan_and_all_do_as_told(self) -> None:
        async def test(crew: Crew) -> None:
            self.assertEqual(await crew.do("open"), [0, 1])
            self.assertEqual(crew.progress, 10)

        self.with_crew(test)
        plans = [Plan.from_json(process.lines[0]) for process in self.processes]
        self.assertEqual([(plan.place, len(plan.users)) for plan in plans], [(0, 4), (1, 4)])

    def test_the_first_fault_stops_the_others(self) -> None:
        def answer(process: FakeProcess, line: Any) -> None:
            if line.get("do") == "measure" and process is self.processes[0]:
                process.say({"done": "measure", "failed": "no", "status": 3})
            elif line.get("do") == "stop" and process is self.processes[1]:
                process.say({"done": "measure"})

        self.patch(self, "answer", answer)

        async def test(crew: Crew) -> None:
            with self.assertRaises(ProcessFailure) as caught:
                await crew.do("measure")
            self.assertEqual((str(caught.exception), caught.exception.status), ("no", 3))

        self.with_crew(test)

    def test_a_process_that_ends_is_a_fault(self) -> None:
        self.patch(self, "answer", lambda process, line: "do" in line and process.close())

        async def test(crew: Crew) -> None:
            answers = await crew.answers("measure")
            self.assertEqual(
                {answer["failed"] for answer in answers}, {"a process of the generator has ended"}
            )

        self.with_crew(test)

    def test_more_connections_are_spread_over_all(self) -> None:
        def answer(process: FakeProcess, line: Any) -> None:
            if "do" in line:
                process.say({"done": line["do"], "found": float(line["count"])})

        self.patch(self, "answer", answer)

        async def test(crew: Crew) -> None:
            self.assertEqual(await crew.open_some(7), 4.0)

        self.with_crew(test)
        self.assertEqual([process.lines[1]["count"] for process in self.processes], [4, 3])

    def test_what_has_reached_members_is_told_to_the_process_of_the_sender(self) -> None:
        async def test(crew: Crew) -> None:
            self.processes[0].say({"reached": [3, 7]})
            await crew.do("open")

        self.with_crew(test)
        self.assertIn({"reached": [3, 7]}, self.processes[1].lines)

    def test_a_process_that_does_not_end_is_killed(self) -> None:
        async def test(crew: Crew) -> None:
            self.processes[0].is_stuck = True

        self.with_crew(test)
        self.assertEqual([process.returncode for process in self.processes], [0, 0])


class GeneratorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.ends: list[ServerEnd] = []
        self.fault: Exception | None = None
        self.patch(generator, "_say", self.said.append)
        self.patch(generator, "_PROGRESS_S", 0.0)
        self.patch(traffic_module, "logged_in", self.logged_in)

    async def logged_in(self, site: Any, tls: Any, user: Any, make: Callable[[], Any]) -> Any:
        if self.fault is not None:
            raise self.fault
        self.ends.append(ServerEnd(make()))
        self.ends[-1].shake_hands()
        return self.ends[-1].client

    def serve(self, plan: Plan, *commands: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the answers to commands that are given one after the other."""

        async def run() -> None:
            lines = asyncio.StreamReader()

            async def standard_input() -> asyncio.StreamReader:
                return lines

            self.patch(generator, "_standard_input", standard_input)
            lines.feed_data(json.dumps(plan.as_json()).encode() + b"\n")
            serving = asyncio.create_task(generator._serve())
            for number, command in enumerate(commands, 1):
                lines.feed_data(json.dumps(command).encode() + b"\n")
                while "do" in command and command["do"] != "stop" and len(self.answers()) < number:
                    await asyncio.sleep(0)
                    if command["do"] == "measure":
                        lines.feed_data(b'{"do": "stop"}\n')
            lines.feed_eof()
            await serving

        asyncio.run(run())
        return self.answers()

    def answers(self) -> list[dict[str, Any]]:
        return [line for line in self.said if "done" in line]

    def test_it_does_what_it_is_told(self) -> None:
        plan = plan_of("idle", 3)
        opened, measured = self.serve(plan, {"do": "open_some", "count": 3}, {"do": "measure", "at": 0.0})
        self.assertGreaterEqual(opened["found"], 0)
        self.assertEqual((measured["tally"]["counts"]["connected"], len(self.ends)), (3, 3))
        self.assertIn({"progress": 3}, self.said)

    def test_a_fault_is_an_answer_with_an_exit_status(self) -> None:
        for fault, words, status in (
            (
                ConnectionRefusedError(111, "Connect call failed"),
                "can't be reached: Connection refused",
                3,
            ),
            (TimeoutError(), "did not answer in 1 s", 4),
            (OSError(None, "no such host"), "no such host", 3),
        ):
            self.fault = fault
            self.said.clear()
            (answer,) = self.serve(plan_of("private", 2), {"do": "open"})
            self.assertIn(words, answer["failed"])
            self.assertEqual(answer["status"], status)

    def test_a_fault_of_the_program_is_an_answer_too(self) -> None:
        self.fault = ZeroDivisionError("1/0")
        self.patch(sys, "stderr", io.StringIO())
        (answer,) = self.serve(plan_of("private", 2), {"do": "open"})
        self.assertIn("the generator has a fault: ZeroDivisionError", answer["failed"])

    def test_a_message_that_reached_members_elsewhere_is_passed_on(self) -> None:
        plan = plan_of("fanout", 1)
        (answer,) = self.serve(plan, {"do": "open"}, {"reached": [0, FIRST_NUMBER]})
        self.assertEqual(answer, {"done": "open"})

    def test_a_measurement_that_ends_early_says_why(self) -> None:
        async def measure(self: Any, at: float) -> Unreachable:
            self.begin = self.end = 0.0
            return Unreachable("gone")

        self.patch(traffic_module.Traffic, "measure", measure)
        (answer,) = self.serve(plan_of("private", 2), {"do": "measure", "at": 0.0})
        self.assertEqual((answer["failed"], answer["status"]), ("gone", 3))
