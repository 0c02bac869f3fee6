"""No worker outlives its parent."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready

from gim.workers.lifeline import ORPHANED
from gim.workers.supervisor import worker_environment
from gim.workers.worker_process import LINK
from tests.support.daemon_process import PATIENCE, DaemonTestCase, Process
from tests.support.fake_worker import WORDS
from tests.support.paths import ROOT

START = b'{"log": ["info", false, false]}'


class End(FileDescriptor):
    """Waits for the end of any process, not only of a child."""

    def __init__(self, pid: int) -> None:
        super().__init__(reactor)
        self._file = os.pidfd_open(pid)
        self.ended: Deferred[None] = Deferred()
        self.startReading()

    def fileno(self) -> int:
        return self._file

    def doRead(self) -> None:
        self.stopReading()
        os.close(self._file)
        self.ended.callback(None)


class LifelineTests(DaemonTestCase):
    def run_python(self, *words: str, files: dict[int, Any] | None = None) -> Process:
        process = Process()
        environment = worker_environment(os.environ) | {"PYTHONPATH": ROOT.path}
        reactor.spawnProcess(
            process,
            words[0],
            words,
            environment,
            childFDs={0: "w", 1: "r", 2: "r"} | (files or {}),
        )
        self.addCleanup(self.end, process)
        return process

    def end(self, process: Process) -> Deferred[int | None]:
        try:
            process.signal(signal.SIGKILL)
        except ProcessExitedAlready:
            pass
        return process.exited

    async def test_all_die_with_a_parent_that_is_killed(self) -> None:
        parent = self.run_python(sys.executable, "-m", "tests.support.fake_parent", "3")
        pids = (await parent.says(r"^(\d+) (\d+) (\d+)\n"))[0].split()
        ends = [End(int(pid)) for pid in pids]
        os.kill(int(pids[0]), signal.SIGSTOP)  # one that does not read its link
        parent.signal(signal.SIGKILL)
        for end in ends:
            await end.ended.addTimeout(PATIENCE, reactor)

    async def test_one_whose_link_ends_ends(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            worker = self.run_python(*WORDS, "1", str(os.getpid()), files={LINK: theirs.fileno()})
        worker.transport.write(START)
        worker.transport.closeStdin()
        self.assertEqual(await worker.exited.addTimeout(PATIENCE, reactor), ORPHANED)
        self.assertEqual(worker.output, {1: "", 2: ""})

    async def test_one_whose_parent_has_ended_already_ends(self) -> None:
        worker = self.run_python(*WORDS, "1", "1")
        self.assertEqual(await worker.exited.addTimeout(PATIENCE, reactor), ORPHANED)

    async def test_a_crash_of_the_interpreter_prints_where(self) -> None:
        worker = self.run_python(
            sys.executable,
            "-c",
            "import os; from gim.workers.lifeline import tie_to_parent; tie_to_parent(os.getppid());"
            " import ctypes; ctypes.string_at(0)",
        )
        self.assertIsNone(await worker.exited.addTimeout(PATIENCE, reactor))
        self.assertTrue(re.match(r"Fatal Python error: Segmentation fault\n", worker.output[2]))
        self.assertIn("in string_at\n", worker.output[2])
