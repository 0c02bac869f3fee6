"""A memory store on a journal, in a data directory of a test: killed, stopped, started again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from msgspec import structs
from twisted.internet.task import Clock

from gim.concurrency.clocks import WallClock
from gim.journal.directory import open_directory
from gim.journal.files import STATE, path_of
from gim.journal.journal import Journal
from gim.journal.records import MAGIC, frame
from gim.journal.repair import repair
from gim.journal.settings import JournalSettings
from gim.journal.survey import Progress
from gim.journal.threads import AtOnce
from gim.storage.durable.contents import LogContent
from gim.storage.durable.effects import Seal, Slice, encode
from gim.storage.durable.ledger import Ledger
from gim.storage.durable.recorder import JournalRecorder
from gim.storage.durable.restore import Restored, restore
from gim.storage.durable.state import slices
from gim.storage.durable.ticker import Ticker
from gim.storage.memory.data import MemoryData
from gim.storage.memory.store import MemoryStore
from gim.storage.settings import MemorySettings
from tests.support.journal.directories import last_of, release
from tests.support.settings import storage_limits

SEGMENT_SIZE = 16 * 1024

SETTINGS = MemorySettings(
    max_session_messages=10_000, max_messages=1_000_000, ttl=30 * 86400.0, sequences=True
)


class JournalledStore:
    """One process with a store, from its start to its end."""

    def __init__(
        self,
        path: str,
        clock: Clock,
        wall: WallClock,
        segment_size: int = SEGMENT_SIZE,
        **changes: Any,
    ) -> None:
        """*changes* are fields of the store's settings."""
        self.directory = open_directory(path)
        journal_settings = JournalSettings(
            data_dir=path, sync="no", damage="refuse", segment_size=segment_size
        )
        self.journal = Journal(self.directory, journal_settings, AtOnce())
        self.ledger = Ledger(self.journal, clock.seconds)
        self.recorder = JournalRecorder(self.journal, self.ledger)
        self.data = MemoryData(
            clock,
            wall,
            structs.replace(SETTINGS, **changes),
            storage_limits(clock),
            recorder=self.recorder,
            epoch=self.directory.epoch,
            token_key=self.directory.token_key,
        )
        repaired = last_of(repair(self.directory, "refuse", Progress()))
        self.progress = Progress()
        self.restored: Restored = last_of(
            restore(self.data, repaired.survey, self.progress, self._counted)
        )
        self.journal.open_at(self.restored.position)
        self.ticker = Ticker(self.data, self.recorder, self.journal, clock)
        self.store = MemoryStore(self.data)

    def _counted(self, logs: list[LogContent]) -> None:
        self.ledger.load(logs, self.data.archive)

    def kill(self) -> None:
        """End the process without another word."""
        release(self.journal)
        self.directory.close()

    def close(self) -> None:
        """End the process as an operator does."""
        self.ticker.tick()
        self.journal.close()
        self.directory.close()

    def checkpoint(self) -> Iterator[None]:
        """Write a checkpoint; yields after each portion, so that the store can change meanwhile."""
        number, content = self.journal.roll(), MAGIC
        for effects in slices(self.data):
            content += frame(encode(Slice(*self.journal.position, tuple(effects))))
            yield
        path = path_of(self.directory.path, STATE, number)
        with open(path + ".tmp", "wb") as file:
            file.write(content + frame(encode(Seal())))
        os.replace(path + ".tmp", path)
