"""A data directory of a test, and a journal in it that does everything at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from tempfile import mkdtemp
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.journal.backup import survey_now
from gim.journal.directory import open_directory
from gim.journal.files import read_file
from gim.journal.journal import Journal
from gim.journal.records import encode
from gim.journal.repair import Repaired, repair
from gim.journal.settings import JournalSettings, SyncPolicy
from gim.journal.survey import Damage, Progress, Survey, survey
from gim.journal.threads import AtOnce, Threads

SEGMENT_SIZE = 64 * 1024


def last_of(steps: Iterator[Any]) -> Any:
    """Return what a generator yields last."""
    return list(steps)[-1]


def release(journal: Journal) -> None:
    """Close the files of a journal as they are, as the end of a process does."""
    for segment in (journal.segment, *(full.segment for full in journal.closed)):
        if not segment.map.closed:
            segment.abandon()


class DirectoryTestCase(SynchronousTestCase):
    """Tests with a data directory of their own."""

    def setUp(self) -> None:
        self.path = mkdtemp()
        self.addCleanup(shutil.rmtree, self.path)

    def settings(self, segment_size: int = SEGMENT_SIZE, sync: SyncPolicy = "no") -> JournalSettings:
        """Return settings for the directory."""
        return JournalSettings(data_dir=self.path, sync=sync, damage="refuse", segment_size=segment_size)

    def journal(
        self,
        segment_size: int = SEGMENT_SIZE,
        sync: SyncPolicy = "no",
        threads: Threads | None = None,
    ) -> Journal:
        """Return a journal in the directory, at the end of what is there."""
        directory = open_directory(self.path)
        self.addCleanup(directory.close)
        journal = Journal(
            directory, self.settings(segment_size, sync), threads if threads is not None else AtOnce()
        )
        journal.open_at(self.survey().end)
        self.addCleanup(release, journal)
        return journal

    def written(self, *payloads: list[Any], segment_size: int = SEGMENT_SIZE) -> None:
        """Write records with a server that is stopped then."""
        directory = open_directory(self.path)
        journal = Journal(directory, self.settings(segment_size), AtOnce())
        journal.open_at(self.survey().end)
        for payload in payloads:
            journal.append(encode(payload))
        self.successResultOf(journal.close())
        directory.close()

    def survey(self) -> Survey:
        """Return what the directory holds."""
        found: Survey = last_of(survey(self.path, Progress()))
        return found

    def survey_counting(self) -> Survey:
        """Return what the directory holds, with the number of records of each file."""
        return survey_now(self.path)

    def repaired(self, damage: Damage = "refuse") -> Repaired:
        """Put the directory right, as a start does."""
        directory = open_directory(self.path)
        try:
            found: Repaired = last_of(repair(directory, damage, Progress()))
        finally:
            directory.close()
        return found

    def content(self, number: int = 1) -> bytes:
        """Return the bytes of a log."""
        return read_file(self.log(number))

    def log(self, number: int = 1) -> str:
        """Return the path of a log."""
        return f"{self.path}/log-{number:08}.gim"

    def put(self, content: bytes, number: int = 1) -> None:
        """Replace the bytes of a log."""
        with open(self.log(number), "wb") as file:
            file.write(content)
