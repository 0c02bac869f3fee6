"""Memory stores that show only what is synced, on a journal in a directory of their own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from tempfile import mkdtemp

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.journal.directory import open_directory
from gim.journal.journal import Journal
from gim.journal.records import encode
from gim.journal.settings import JournalSettings
from gim.journal.syncing import Syncing
from gim.journal.threads import Threads
from gim.storage.memory.recorder import Recorder
from tests.support.journal.directories import release

SEGMENT_SIZE = 256 * 1024


class RecordOfEach(Recorder):
    """Writes a record for each change, which says only that there was one."""

    lasts = True

    def __init__(self, journal: Journal) -> None:
        record = encode([1])

        def write(*args: object) -> None:
            journal.append(record)

        self.message = write
        for name, method in vars(Recorder).items():
            if callable(method) and name != "check":
                setattr(self, name, write)


def make_syncing(
    case: SynchronousTestCase,
    threads: Threads,
    clock: Clock,
    stop: Callable[[str], object] = lambda why: None,
) -> tuple[Journal, Syncing]:
    """Return a journal that is synced always, in a directory that goes with the test."""
    path = mkdtemp()
    case.addCleanup(shutil.rmtree, path)
    directory = open_directory(path)
    case.addCleanup(directory.close)
    settings = JournalSettings(data_dir=path, sync="always", damage="refuse", segment_size=SEGMENT_SIZE)
    journal = Journal(directory, settings, threads)
    journal.open_at(None)
    case.addCleanup(release, journal)
    return journal, Syncing(journal, clock, stop)
