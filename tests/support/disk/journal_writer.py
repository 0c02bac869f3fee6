"""A program that writes records to a journal as fast as they are synced: ``python -m … DIR SEED``.

It continues what is in the directory. The records are ``[1, number, noise]``, numbered in order.
It prints the last number that is synced, again and again.
"""

from __future__ import annotations

import os
import random
import sys

from twisted.internet import reactor, task

from gim.journal.directory import open_directory
from gim.journal.journal import Journal
from gim.journal.records import TICK, encode
from gim.journal.repair import repair
from gim.journal.settings import JournalSettings
from gim.journal.survey import Progress, Survey
from gim.journal.syncing import Syncing
from gim.journal.threads import DiskThread
from tests.support.disk.journal_reader import numbers_in

SETTINGS = JournalSettings(data_dir="", sync="always", damage="refuse", segment_size=2**20)


class Writer:
    """Appends some records in each turn of the reactor, and asks when they are synced."""

    def __init__(self, path: str, seed: int) -> None:
        self._chance = random.Random(seed)
        directory = open_directory(path)
        found = [step for step in repair(directory, "refuse", Progress()) if step is not None]
        survey: Survey = found[0].survey
        self._number = max(numbers_in(survey), default=0)
        self._journal = Journal(directory, SETTINGS, DiskThread(reactor))
        self._journal.open_at(survey.end)
        self._syncing = Syncing(self._journal, reactor, sys.exit)
        self._syncing.startService()
        self._turns = 0

    def write(self) -> None:
        """Write the records of a turn, unless the disk is behind."""
        if self._syncing.unsynced_bytes > 2**20:
            return
        for _ in range(self._chance.randrange(1, 30)):
            self._number += 1
            noise = self._chance.randbytes(self._chance.choice((10, 100, 100, 4000, 15_000)))
            self._journal.append(encode((1, self._number, noise)))
        self._turns += 1
        if self._turns % 10 == 0:
            self._journal.append(encode((TICK, "", "", "", *self._journal.synced, {})))
        self._syncing.hold(self._say, self._number)

    def _say(self, number: int) -> None:
        os.write(1, b"%d\n" % number)


def main() -> None:
    writer = Writer(sys.argv[1], int(sys.argv[2]))
    task.LoopingCall(writer.write).start(0.001).addErrback(lambda failure: failure.printTraceback())
    reactor.run()


if __name__ == "__main__":
    main()
