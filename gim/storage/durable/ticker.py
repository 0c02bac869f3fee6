"""Writes once a second what changes all the time, and tries again while the disk refuses."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.periodic import Periodic
from gim.errors import Unavailable
from gim.journal.journal import Journal
from gim.storage.durable.effects import Tick, encode
from gim.storage.durable.recorder import JournalRecorder
from gim.storage.memory.data import MemoryData

TICK_INTERVAL: Final = 1.0  # seconds


class Ticker(Periodic):
    """Calls `tick` every second while the service runs."""

    def __init__(
        self,
        data: MemoryData,
        recorder: JournalRecorder,
        journal: Journal,
        clock: IReactorTime,
    ) -> None:
        self._data = data
        self._recorder = recorder
        self._journal = journal
        self._written: tuple[object, ...] = ()
        super().__init__(self.tick, TICK_INTERVAL, clock)

    def tick(self) -> None:
        """Write a `Tick` if anything has changed since the last one, and the names that wait.

        What the disk refuses waits for the next call. A file that holds nothing but trimmed messages may
        go only after a call.
        """
        if self._journal.failing:
            self._journal.retry()
        marks = self._recorder.take_marks()
        try:
            self._recorder.write_names()
            if marks or self._state() != self._written:
                self._write(marks)
        except Unavailable:
            self._recorder.keep_marks(marks)

    def _write(self, marks: dict[str, str]) -> None:
        archive, people = self._data.archive, self._data.people
        places = archive.ids.last, archive.newest_trimmed, people.forgotten_dropped
        self._journal.append_other(encode(Tick(*places, *self._journal.synced, marks)))
        self._written = self._state()

    def _state(self) -> tuple[object, ...]:
        """Return what a `Tick` tells, and whether any other record was written since."""
        return (
            self._journal.position,
            self._data.archive.newest_trimmed,
            self._data.people.forgotten_dropped,
        )
