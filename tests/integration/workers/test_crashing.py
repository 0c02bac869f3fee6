"""A worker crashes, once or at every start."""

from __future__ import annotations

import contextlib  # trial has a meaning of its own for the name suppress in a module of tests
import os
import re
import signal

from twisted.internet.task import LoopingCall

from tests.support.daemon_process import Process, workers_in
from tests.support.multiprocess.processes import workers_of
from tests.support.multiprocess.server import WorkersTestCase
from tests.support.multiprocess.speakers import Talk
from tests.support.nodes.cluster_case import eventually

PATIENCE = 25.0  # seconds; the longest pause between two starts is 5
FAILURES = 4
SAID = re.compile(
    r"worker 2 \(pid \d+\) was killed by SIGKILL; it is started again"
    r" in (\d+\.\d) s, after (\d+) failures in a row; [01] of 2 workers serve"
)


class CrashingTests(WorkersTestCase):
    async def test_one_that_crashes_at_every_start_has_pauses_and_the_other_serves(self) -> None:
        process = self.launch()
        killed: set[int] = set()
        killing = LoopingCall(self.kill, process, killed)
        killing.start(0.02).addErrback(lambda failure: failure.printTraceback())
        self.addCleanup(lambda: killing.running and killing.stop())
        self.worker_count = 1  # so many get ready
        server = await self.listening(process)
        talk = Talk(self, server.ws, ("ann", "bob"))
        await talk.start()
        await talk.flows()
        await eventually(lambda: f"after {FAILURES} failures in a row" in server.said, "some failures")
        killing.stop()
        told = SAID.findall(server.said)
        self.assertLessEqual(len(killed), int(told[-1][1]) + 1)
        self.assertGreaterEqual(min(float(pause) for pause, _ in told), 0.1)
        await eventually(lambda: 2 in workers_in(server.said), "worker 2", PATIENCE)
        self.assertTrue(all(len(speaker.links) == 1 for speaker in talk.speakers))
        newcomer = await self.at(server, "eve")
        self.assertEqual(server.worker_of(newcomer), 2)  # which has the fewest
        await talk.settle()

    def kill(self, process: Process, killed: set[int]) -> None:
        """Kill worker 2 if it runs."""
        with contextlib.suppress(KeyError, ProcessLookupError):
            pid = workers_of(process.transport.pid)[2]
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)

    async def test_what_the_interpreter_prints_as_it_crashes_is_in_the_log(self) -> None:
        server = await self.server()
        former = server.signal_worker(1, signal.SIGSEGV)
        await server.is_back(1, former)
        printed = rf"worker 1 \(pid {former}\) printed: Fatal Python error: Segmentation fault"
        self.assertRegex(server.said, printed)
        self.assertIn(f"worker 1 (pid {former}) was killed by SIGSEGV; it is started again", server.said)
        await self.at(server, "ann")
