"""Syncs in a thread, of files on the disk."""

from __future__ import annotations

import os
import shutil
from errno import EIO
from tempfile import mkdtemp
from unittest.mock import patch

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from gim.journal.directory import open_directory
from gim.journal.files import read_file
from gim.journal.journal import Journal
from gim.journal.records import encode, fields, records
from gim.journal.settings import JournalSettings
from gim.journal.survey import Progress, survey
from gim.journal.syncing import Syncing
from gim.journal.threads import DiskThread

COUNT = 600  # records
PER_TURN = 6


class DiskTests(TestCase):
    """Records that come in each iteration of the reactor, while the thread syncs."""

    def setUp(self) -> None:
        self.path = mkdtemp()
        self.addCleanup(shutil.rmtree, self.path)
        directory = open_directory(self.path)
        self.addCleanup(directory.close)
        threads = DiskThread(reactor)
        self.addCleanup(threads.stop)
        settings = JournalSettings(
            data_dir=self.path, sync="always", damage="refuse", segment_size=32 * 1024
        )
        self.journal = Journal(directory, settings, threads)
        self.journal.open_at(None)
        self.stopped: list[str] = []
        self.syncing = Syncing(self.journal, reactor, self.stopped.append)
        self.syncing.startService()
        self.addCleanup(self.syncing.stopService)
        self.served: list[int] = []

    async def write(self) -> None:
        for number in range(COUNT):
            self.journal.append(encode([1, number, "x" * 100]))
            self.syncing.hold(self.serve, number)
            if not number % PER_TURN:
                await deferLater(reactor, 0)
        await self.syncing.synced()

    def serve(self, number: int) -> None:
        self.served.append(number)

    def found(self) -> list[int]:
        """Return the records that a start would find."""
        *_, last = survey(self.path, Progress())
        assert last is not None
        self.assertEqual(last.problems, [])
        contents = [read_file(log.path)[: log.end] for log in last.logs]
        every = [fields(payload) for content in contents for _, payload in records(content)]
        return [one[1] for one in every if one[0] == 1]

    async def test_all_is_served_in_its_order_by_few_syncs(self) -> None:
        await self.write()
        self.assertEqual(self.served, list(range(COUNT)))
        self.assertLessEqual(self.syncing.count, COUNT // PER_TURN + 2)
        self.assertEqual(self.journal.synced, self.journal.position)
        self.assertEqual(self.found(), list(range(COUNT)))
        self.assertEqual(self.stopped, [])

    async def test_a_sync_that_fails_now_and_then_loses_nothing(self) -> None:
        real, calls = os.fdatasync, iter(range(10**6))

        def fdatasync(file: int) -> None:
            if next(calls) % 8 == 3:  # never in a second try, which has up to three files
                raise OSError(EIO, os.strerror(EIO))
            real(file)

        with patch("os.fdatasync", fdatasync):
            await self.write()
        self.assertGreater(self.syncing.failures, 0)
        self.assertEqual(self.served, list(range(COUNT)))
        self.assertEqual(sorted(set(self.found())), list(range(COUNT)))
        self.assertEqual(self.stopped, [])
