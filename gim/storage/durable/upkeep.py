"""When checkpoints are made, and when the logs are tidied."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.periodic import Periodic
from gim.errors import Unavailable
from gim.journal.compaction import remove
from gim.journal.journal import Journal
from gim.journal.pace import Pace
from gim.journal.threads import Threads
from gim.log.logger import Logger
from gim.storage.durable.checkpoint import write_checkpoint
from gim.storage.durable.ledger import Ledger, LogPart
from gim.storage.durable.state import slices
from gim.storage.durable.tidying import Tidying
from gim.storage.memory.data import MemoryData

LOOK_INTERVAL: Final = 1.0  # seconds between two looks for what there is to do
TIDY_INTERVAL: Final = 60.0  # seconds between two looks at all logs, and until a new try


class Upkeep(Periodic):
    """Makes a checkpoint when a log is full, and keeps the disk free of what does not live.

    The logs are tidied after a checkpoint, and every minute: see `Tidying`. If one that must be written
    again is not older than the checkpoint, another checkpoint is made first.
    """

    _log = Logger()

    def __init__(
        self,
        data: MemoryData,
        journal: Journal,
        ledger: Ledger,
        settle: Callable[[], Awaitable[object]],
        threads: Threads,
        clock: IReactorTime,
    ) -> None:
        """*settle* writes down what waits for that, and returns when all is on the disk. *threads* are
        not those of the journal, which must not wait for this."""
        super().__init__(self._begin, LOOK_INTERVAL, clock)
        self._data = data
        self._journal = journal
        self._ledger = ledger
        self._settle = settle
        self._threads = threads
        self._clock = clock
        self._pace = Pace(clock)
        self.tidying = Tidying(data.archive.messages, journal, ledger, settle, self._pace, threads)
        self._work: Deferred[None] | None = None
        self._checkpoint_at = self._tidy_at = 0.0  # not before these times of the reactor
        self.number = 1  # of the newest checkpoint: of older logs only messages count

    def startService(self) -> None:
        """Begin with what is in the directory. The journal is open, and the ledger is loaded."""
        self.number = max([1, *(state.number for state in self._journal.directory.states())])
        super().startService()

    def stopService(self) -> Deferred[Any] | None:
        """Fires when what was begun is undone."""
        ended = super().stopService()
        if self._work is not None:
            self._work.cancel()
        return ended

    def _begin(self) -> Deferred[Any]:
        self._work = Deferred.fromCoroutine(self._look())
        return self._work.addErrback(lambda failure: failure.trap(CancelledError) and None)

    async def _look(self) -> None:
        now = self._clock.seconds
        if self._journal.failing:
            await self._tried(self.tidying.drop(self.number))  # which may make room on a full disk
        elif self._journal.position[0] > self.number and now() >= self._checkpoint_at:
            await self._checkpoint()
        if now() >= self._tidy_at:
            self._tidy_at = now() + TIDY_INTERVAL
            await self._tried(self._tidy())

    async def _checkpoint(self) -> None:
        """Make a checkpoint if that works."""
        self._checkpoint_at = self._clock.seconds() + TIDY_INTERVAL
        if await self._tried(self._write_checkpoint()):
            self._checkpoint_at = self._tidy_at = 0.0

    async def _write_checkpoint(self) -> None:
        self.number = await write_checkpoint(
            slices(self._data), self._journal, self._settle, self._pace, self._threads
        )

    async def _tidy(self) -> None:
        states = self._journal.directory.states()
        older = [state.path for state in states if state.number < self.number]
        await remove(older, self._threads)
        to_erase = await self._to_erase()
        await self.tidying.drop(self.number)
        await self.tidying.save_space(self.number)
        await self.tidying.erase(to_erase, self.number)

    async def _to_erase(self) -> list[LogPart]:
        """Return the logs with content that must go now, all of them older than the checkpoint."""
        parts = self._ledger.to_erase()
        if not all(part.numbers[-1] < self.number for part in parts) and not self._journal.failing:
            if any(self._ledger.is_current(part) for part in parts):
                self._journal.roll()
            await self._checkpoint()
        return [part for part in parts if part.numbers[-1] < self.number]

    async def _tried(self, work: Awaitable[None]) -> bool:
        """Do some work that the disk may refuse; return whether it was done."""
        try:
            await work
        except (OSError, Unavailable) as error:
            self._log.warn(
                "the logs in {path} could not be tidied: {reason}. Next try in {seconds:.0f} s",
                path=self._journal.directory.path,
                reason=getattr(error, "strerror", None) or str(error),
                seconds=TIDY_INTERVAL,
            )
            return False
        return True
