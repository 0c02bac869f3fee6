"""Power cuts at random moments: the journal has every record of which it said that it is synced."""

from __future__ import annotations

import os
import random
import subprocess
import sys

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from gim.journal.survey import Progress, Survey, survey
from tests.support.disk.failing_disk import MISSING, FailingDisk
from tests.support.disk.journal_reader import numbers_in
from tests.support.paths import ROOT

CUTS = 8
PROGRAM = "tests.support.disk.journal_writer"


class JournalPowerTests(SynchronousTestCase):
    skip = MISSING

    def setUp(self) -> None:
        self.directory = FilePath(os.path.abspath(self.mktemp()))
        self.directory.makedirs()
        beside = FilePath(self.mktemp())
        beside.makedirs()
        self.disk = FailingDisk(self.directory, beside)

    def write(self, seed: int, lines: int) -> int:
        """Let a process write until it has said so often what is synced; return what it said last."""
        words = [sys.executable, "-m", PROGRAM, self.directory.path, str(seed)]
        writer = subprocess.Popen(
            words,
            cwd=ROOT.path,
            env=os.environ | self.disk.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(lines)]
        writer.kill()
        said += writer.communicate(timeout=60)[0].splitlines()
        self.assertTrue(all(line.strip().isdigit() for line in said if line), b"".join(said).decode())
        return int([line for line in said if line.strip()][-1])

    def found(self) -> Survey:
        (whole,) = [step for step in survey(self.directory.path, Progress()) if step is not None]
        return whole

    def test_what_was_synced_is_there_whatever_else_reached_the_disk(self) -> None:
        synced = 0
        for seed in range(CUTS):
            chance = random.Random(seed)
            synced = self.write(seed, chance.randrange(1, 60))
            self.disk.cut_power(chance if seed % 4 else None)
            found = self.found()
            self.assertEqual(found.problems, [], f"seed {seed}")
            numbers = numbers_in(found)
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)), f"seed {seed}")
            self.assertGreaterEqual(len(numbers), synced, f"seed {seed}")
        self.assertGreater(synced, 100)
