"""The data of the memory store with the journal below it: opened, restored, and closed."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from gim.concurrency.clocks import WallClock
from gim.daemon.journal_figures import JournalFigures
from gim.errors import Unavailable
from gim.journal.directory import DataDirectory
from gim.journal.journal import Journal
from gim.journal.repair import repair
from gim.journal.settings import JournalSettings
from gim.journal.survey import Progress
from gim.journal.syncing import Syncing
from gim.journal.threads import DiskThread
from gim.log.logger import Logger
from gim.startup import StartupError
from gim.storage.durable.contents import LogContent
from gim.storage.durable.ledger import Ledger
from gim.storage.durable.recorder import JournalRecorder
from gim.storage.durable.restore import restore
from gim.storage.durable.restored import RestoredStorage
from gim.storage.durable.synced import SyncedStorage, held_call
from gim.storage.durable.ticker import Ticker
from gim.storage.durable.upkeep import Upkeep
from gim.storage.interface import Storage
from gim.storage.memory.data import MemoryData
from gim.storage.settings import MemorySettings
from gim.storage.storage_limits import StorageLimits

if TYPE_CHECKING:
    from gim.link.answering import Answering

SLICE_TIME: Final = 0.02  # seconds of an iteration of the reactor that restoring takes
PROGRESS_INTERVAL: Final = 2.0  # seconds between two lines of the log that say how far this is

T = TypeVar("T")


class Stopped(Exception):
    """The daemon stops while its data is being restored."""


class DurableData(MultiService):
    """The data, and what keeps its journal. The children start when the data is restored.

    Starting takes the directory, which may raise `StartupError`, and begins to restore the data while
    the reactor runs. What is wrong then ends the daemon. Stopping stops the children. `close` comes after
    everything that uses the data.
    """

    _log = Logger()

    def __init__(
        self,
        settings: MemorySettings,
        journal: JournalSettings,
        limits: StorageLimits,
        reactor: Any,
        wall: WallClock,
        fail: Callable[[str], None],
    ) -> None:
        """*fail* ends the daemon for the reason that it is called with."""
        super().__init__()
        self._settings = journal
        self._reactor = reactor
        self._fail = fail
        self._threads = DiskThread(reactor)
        self._directory = DataDirectory(journal.data_dir)
        self.journal = Journal(self._directory, journal, self._threads)
        self._ledger = Ledger(self.journal, reactor.seconds)
        self._recorder = JournalRecorder(self.journal, self._ledger)
        self.data = MemoryData(reactor, wall, settings, limits, recorder=self._recorder)
        self.syncing = Syncing(self.journal, reactor, fail)
        self._ticker = Ticker(self.data, self._recorder, self.journal, reactor)
        self._upkeep_threads = DiskThread(reactor)
        upkeep = Upkeep(
            self.data, self.journal, self._ledger, self._settle, self._upkeep_threads, reactor
        )
        self._keepers = MultiService()  # of the journal, from when it is open until it is closed
        for service in self.syncing, self._ticker, upkeep:
            service.setServiceParent(self._keepers)
        self._progress = Progress()
        self._doing = "checked"
        self._waiting: list[Deferred[None]] = []
        self._is_restored = self._is_stopping = False
        self._restoring: Deferred[None] | None = None
        self.figures = JournalFigures(self.journal, self.syncing, self._ledger)

    def stored(self, store: Storage) -> Storage:
        """Return a store on the data as it is to be served: restored and, if all is synced, synced."""
        if self._settings.sync == "always":
            store = SyncedStorage(store, self.syncing)
        return RestoredStorage(store, self)

    def served(self, store: Storage, channel: Answering) -> tuple[Storage, Answering]:
        """Return the same for a worker: a store, and where it goes out, which shows only what is synced
        if all is."""
        from gim.link.answering import Outlet  # of no use to one process

        if self._settings.sync == "always":
            channel = Outlet(channel, held_call(self.syncing, channel.send_encoded))
        return RestoredStorage(store, self), channel

    async def _settle(self) -> None:
        """Return when all that has happened by now is on the disk."""
        self._ticker.tick()
        await self.syncing.synced()

    # restoring

    def startService(self) -> None:
        self._directory.open()
        self.data.epoch, self.data.token_key = self._directory.epoch, self._directory.token_key
        self._restoring = Deferred.fromCoroutine(self._restore()).addErrback(self._not_restored)

    async def restored(self) -> None:
        """Return when all data is there."""
        if not self._is_restored:
            restored: Deferred[None] = Deferred()
            self._waiting.append(restored)
            await restored

    def check_restored(self) -> None:
        """Raise `Unavailable` until all data is there."""
        if not self._is_restored:
            said = f"{self._doing} {self._percent()} % of its data"
            raise Unavailable(f"the server is starting and has {said}: try again in a moment")

    def _percent(self) -> int:
        return 100 * self._progress.done // max(1, self._progress.total)

    async def _restore(self) -> None:
        began = self._reactor.seconds()
        repaired = await self._in_slices(repair(self._directory, self._settings.damage, self._progress))
        self.figures.damaged_at_start = repaired.damaged
        self.data.epoch = self._directory.epoch  # another one if data is lost
        self._doing = "restored"
        found = await self._in_slices(restore(self.data, repaired.survey, self._progress, self._counted))
        if found.problems:
            self._go_on_without(found.problems)
        self.journal.open_at(found.position)
        if repaired.damaged:
            self.journal.roll()  # what is left of the last log is less than other files say of it
        gc.freeze()  # what was restored: no collection is to follow it
        self.figures.begin(self._reactor.seconds() - began)
        self._log.info(
            "restored {messages} messages from {path} in {seconds:.1f} s",
            messages=self.data.kept_messages,
            path=self._directory.path,
            seconds=self.figures.load_seconds,
        )
        self._serve()

    def _go_on_without(self, problems: list[str]) -> None:
        """Go on without records that can't be read, if that is allowed; clients load their data anew."""
        if self._settings.damage == "refuse":
            raise StartupError(
                f"--data-dir: {problems[0]}: start with --data-damage keep-going to go on without it"
            )
        for problem in problems:
            self._log.error("{problem}. The server goes on without it", problem=problem)
        self.figures.damaged_at_start += len(problems)
        self._directory.renew_epoch()
        self.data.epoch = self._directory.epoch

    def _counted(self, logs: list[LogContent]) -> None:
        self._ledger.load(logs, self.data.archive)

    def _serve(self) -> None:
        self._is_restored = True
        self._keepers.startService()
        super().startService()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    async def _in_slices(self, work: Iterator[T | None]) -> T:
        """Do work that yields None now and then and its result at last, some in each iteration."""
        log_at = self._reactor.seconds() + PROGRESS_INTERVAL
        until = 0.0
        for found in work:
            if found is not None:
                return found
            if perf_counter() < until:
                continue
            if self._reactor.seconds() >= log_at:
                log_at = self._reactor.seconds() + PROGRESS_INTERVAL
                self._log_progress()
            await deferLater(self._reactor, 0)
            if self._is_stopping:
                raise Stopped
            until = perf_counter() + SLICE_TIME
        raise AssertionError("the work has no result")

    def _log_progress(self) -> None:
        percent, path = self._percent(), self._directory.path
        self._log.info("{doing} {percent} % of {path}", doing=self._doing, percent=percent, path=path)

    def _not_restored(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, StartupError):
            self._fail(str(error))
        elif isinstance(error, OSError):
            path = error.filename or self._directory.path
            cure = ": give it to the user that gim runs as" if isinstance(error, PermissionError) else ""
            self._fail(f"--data-dir: {path} can't be read or written: {error.strerror}{cure}")
        elif not isinstance(error, Stopped):
            self._log.failure("the data could not be restored", failure)
            self._fail(f"--data-dir: {self._directory.path} could not be restored: see the log")

    # stopping

    def stopService(self) -> Deferred[Any] | None:
        self._is_stopping = True
        return super().stopService() if self._is_restored else None

    async def close(self) -> None:
        """Write what waits, close the journal, and let go of the directory. Nothing uses the data any
        more."""
        self._is_stopping = True
        if self._restoring is not None:
            await self._restoring
        if self._is_restored:
            await maybeDeferred(self._keepers.stopService)
            await self._close_journal()
        self._upkeep_threads.stop()
        self._threads.stop()
        self._directory.close()

    async def _close_journal(self) -> None:
        self._ticker.tick()
        try:
            await self.journal.close()
        except Exception as error:
            why = self.journal.failing or error
            self._log.error("the journal could not be closed in order: {why}", why=why)
