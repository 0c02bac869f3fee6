"""What /metrics shows of the journal."""

from __future__ import annotations

from functools import partial

from gim.journal.journal import Journal
from gim.journal.syncing import Syncing
from gim.metrics.instruments.durations import add_seconds, new_row
from gim.storage.durable.ledger import Ledger


class JournalFigures:
    """Implements `gim.metrics.export.numbers.JournalNumbers`."""

    def __init__(self, journal: Journal, syncing: Syncing, ledger: Ledger) -> None:
        self._journal = journal
        self._syncing = syncing
        self._ledger = ledger
        self._first_byte = 0
        self.damaged_at_start = 0
        self.load_seconds = 0.0
        self.sync_times = new_row()
        syncing.on_sync = partial(add_seconds, self.sync_times)

    def begin(self, load_seconds: float) -> None:
        """Count what is written from now on: the data is restored, which took so long."""
        self.load_seconds = load_seconds
        self._first_byte = self._journal.bytes_written

    @property
    def written_bytes(self) -> int:
        return self._journal.bytes_written - self._first_byte

    @property
    def unsynced_bytes(self) -> int:
        return self._syncing.unsynced_bytes if self._journal.settings.sync != "no" else 0

    @property
    def is_failing(self) -> bool:
        return bool(self._journal.failing)

    @property
    def segments(self) -> int:
        return self._ledger.segments

    @property
    def damaged(self) -> int:
        return self.damaged_at_start + self._ledger.damaged

    @property
    def free_bytes(self) -> int:
        return self._journal.directory.free_bytes()

    @property
    def live_ratio(self) -> float:
        return self._ledger.live_ratio
