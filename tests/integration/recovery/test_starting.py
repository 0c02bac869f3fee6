"""Starts on a data directory that can't be restored, or that take a while."""

from __future__ import annotations

import os
import signal

from tests.support.daemon_process import DaemonTestCase, Process

FREE = "tcp:0:interface=127.0.0.1"


class DamageTests(DaemonTestCase):
    def setUp(self) -> None:
        self.data = os.path.abspath(self.mktemp())
        os.mkdir(self.data, 0o700)

    async def begin(self, *options: str) -> Process:
        return await self.daemon("--data-dir", self.data, *options)

    async def damaged(self) -> str:
        """Damage the record of the first message of two; return its epoch."""
        process = await self.begin()
        ann = await self.client()
        epoch: str = (await ann.ask(101, id="ann"))["epoch"]
        for text in "first", "second":
            await ann.ask(201, type=2, target_id="bob", content=text)
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)
        with open(os.path.join(self.data, "log-00000001.gim"), "r+b") as file:
            place = file.read().index(b"first")
            file.seek(place)
            file.write(b"F")
        return epoch

    async def test_damage_ends_the_process_with_one_line_and_status_1(self) -> None:
        await self.damaged()
        words = "--ws", FREE, "--http", FREE, "--data-dir", self.data
        process = self.spawn("twistd", "-n", "gim", *words)
        self.assertEqual(await process.exited, 1)
        (line,) = process.output[2].splitlines()
        self.assertRegex(
            line, r"^gim: --data-dir: .*log-00000001\.gim: the record at offset \d+ is damag"
        )
        self.assertNotIn("Traceback", process.output[1])

    async def test_all_processes_know_the_epoch_of_what_is_left(self) -> None:
        before = await self.damaged()
        await self.begin("--data-damage", "keep-going")
        epochs = set()
        for name in "ann", "bob", "cid", "dan":
            client = await self.client()
            epochs.add((await client.ask(101, id=name))["epoch"])
        self.assertEqual(len(epochs), 1)
        self.assertNotIn(before, epochs)


class WorkerDamageTests(DamageTests):
    worker_count = 2


class WorkerTests(DaemonTestCase):
    worker_count = 2

    async def test_a_worker_that_crashes_comes_back_to_the_same_data(self) -> None:
        data = os.path.abspath(self.mktemp())
        os.mkdir(data, 0o700)
        process = await self.daemon("--data-dir", data)
        ann = await self.client()
        before = await ann.ask(101, id="ann")
        sent = await ann.ask(201, type=2, target_id="bob", content="x")
        pids = [int(pid) for pid in (await process.says(r"worker 1 \(pid (\d+)\) is ready")).groups()]
        os.kill(pids[0], signal.SIGKILL)
        await process.says(rf"worker 1 \(pid (?!{pids[0]}\))\d+\) is ready")
        for _ in range(4):  # so that both workers are asked
            client = await self.client()
            after = await client.ask(101, id="bob")
            self.assertEqual(after["epoch"], before["epoch"])
        history = await client.ask(203, session_id="2:ann:bob")
        self.assertEqual([item["id"] for item in history["items"]], [sent["id"]])
