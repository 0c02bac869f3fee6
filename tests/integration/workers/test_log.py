"""The log of several real workers in one file."""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from typing import Any

from twisted.internet import reactor

from gim.log.output import LogTarget, RotatedFile
from gim.workers.control import LogLines
from gim.workers.log_lines import LineForm, form_of, writer
from gim.workers.worker_process import Worker
from tests.integration.workers.test_supervisor import PATIENCE, SupervisorTestCase


class FileTests(SupervisorTestCase):
    """Workers 1 and 2, and a file that their parent rotates."""

    def target(self, json: bool, rotated_at: int = 10_000_000) -> LogTarget:
        """Return a log file that is rotated at so many bytes."""
        self.directory = self.mktemp()
        os.makedirs(self.directory)
        path = os.path.join(self.directory, "log")
        self.file = RotatedFile.fromFullPath(path, rotated_at, maxRotatedFiles=1000)
        self.addCleanup(self.file.close)
        target = LogTarget("info", json, self.file)
        self.write, self.form = writer(target), form_of(target)
        return target

    def start(self, number: int) -> bytes:
        form: LineForm = self.form
        return json.dumps({"log": [form.level, form.json, form.with_time]}).encode()

    def spawned(self, worker: Worker) -> None:
        super().spawned(worker)
        worker.channel.handle(LogLines, self.take)

    def take(self, message: LogLines) -> None:
        self.write(message)
        self.lines.put(message)

    def written(self) -> list[str]:
        """Return the lines of all files, the oldest first."""
        names = sorted(os.listdir(self.directory), key=lambda name: -int(name.partition(".")[2] or 0))
        self.files = len(names)
        lines: list[str] = []
        for name in names:
            with open(os.path.join(self.directory, name)) as file:
                lines += file.read().splitlines()
        return lines

    async def order_all(self, name: str, *arguments: Any) -> None:
        """Have all workers carry out an order, and wait until they have."""
        self.done.values.clear()
        for worker in self.supervisor.workers:
            self.order(worker, name, *arguments)
        await self.done.until(lambda _: len(self.done.values) == len(self.supervisor.workers))

    async def test_no_line_is_lost_or_broken_while_the_file_is_rotated(self) -> None:
        self.target(json=True, rotated_at=100_000)
        await self.supervise(2)
        for _ in range(20):
            await self.order_all("flood", 100, 200)
        await self.order_all("say", "the last")
        self.file.renew()
        await self.supervisor.stopService()
        lines = [json.loads(line) for line in self.written()]
        counts = Counter((line["worker"], line["message"]) for line in lines)
        for number in 1, 2:
            self.assertEqual((counts[number, "x" * 200], counts[number, "the last"]), (2000, 1))
        self.assertGreater(self.files, 5)

    async def test_a_line_that_a_kill_cuts_garbles_no_other(self) -> None:
        self.target(json=True)
        killed, other = (await self.supervise(2)).workers
        for _ in range(20):
            self.order(killed, "flood", 10, 100_000)
            self.order(other, "flood", 10, 1000)
        await self.lines.until(lambda message: len(message.lines[0][1]) > 100_000)
        os.kill(killed.pid, signal.SIGKILL)
        await self.gone.until(lambda worker: worker is killed)
        self.order(other, "say", "the last")
        await self.done.until(lambda done: done[1] == "say")
        await self.supervisor.stopService()
        lines = [json.loads(line) for line in self.written()]
        counts = Counter((line["worker"], line["message"]) for line in lines)
        self.assertEqual((counts[2, "x" * 1000], counts[2, "the last"]), (200, 1))
        self.assertTrue(1 <= counts[1, "x" * 100_000] < 200)

    async def test_a_traceback_stays_together(self) -> None:
        self.target(json=False)
        for worker in (await self.supervise(2)).workers:
            for _ in range(50):
                self.order(worker, "fail", "by nought")
        await self.done.until(lambda _: len(self.done.values) == 100)
        await self.supervisor.stopService()
        text = "\n".join(self.written()) + "\n"
        block = re.compile(
            r"\S+ \[fake#critical [12]\] it broke\n\tTraceback \(most recent call last\):\n(?:\t.*\n)*?"
            r"\tbuiltins\.ZeroDivisionError: by nought\n(?:\t\n)?"
        )
        self.assertEqual(len(block.findall(text)), 100)
        self.assertEqual(block.sub("", text), "")

    async def test_less_than_the_level_is_left_out_in_the_worker(self) -> None:
        self.write, self.form = self.lines.put, LineForm("error", json=False, with_time=False)
        (worker,) = (await self.supervise(1)).workers
        self.order(worker, "say", "of no interest")
        self.order(worker, "fail", "by nought")
        first = await self.lines.until(lambda message: True).addTimeout(PATIENCE, reactor)
        self.assertTrue(first.lines[0][1].startswith("[fake#critical 1] it broke\n\tTraceback"))

    async def test_a_flood_that_is_not_read_is_bounded_and_counted(self) -> None:
        self.target(json=True)
        (worker,) = (await self.supervise(1)).workers
        reactor.removeReader(worker.channel.transport)  # a parent that is busy
        for _ in range(200):
            self.order(worker, "flood", 10, 10_000)  # 20 MB in all
        self.order(worker, "print_error", "all is said")
        await self.logged("printed: all is said")
        reactor.addReader(worker.channel.transport)
        await self.logged_by_worker("log lines were left out")
        await self.supervisor.stopService()
        lines = [json.loads(line) for line in self.written()]
        (report,) = [line for line in lines if line["message"].endswith("than could be written")]
        left_out = int(report["message"].split()[0])
        written = sum(line["message"].startswith("xxx") for line in lines)
        self.assertEqual(written + left_out, 2000)
        self.assertTrue(100 < written < 1500, written)
        self.assertEqual(report["level"], "warn")

    async def logged_by_worker(self, text: str) -> None:
        """Wait until a line of a worker is in the file."""
        while not any(text in line for line in self.written()):
            await self.order_all("ignored_signals")
