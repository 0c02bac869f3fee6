"""When what the journal has written is taken to the disk, and what waits for that.

There is one sync at a time, in the journal's thread. What is written meanwhile is part of the next one,
so many records share one wait for the disk: group commit (DeWitt et al., SIGMOD 1984).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from math import ceil
from time import perf_counter
from typing import Any, Final, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.concurrency.periodic import Periodic
from gim.errors import Unavailable
from gim.journal.closed import Closed, Failed
from gim.journal.files import LOG, files_of, sync_directory, sync_file
from gim.journal.held import HeldCalls
from gim.journal.journal import Journal
from gim.journal.records import Position
from gim.journal.segment import Segment
from gim.log.logger import Logger

MAX_UNSYNCED: Final = 16 * 2**20  # bytes after which a sync begins before its time
MAX_BEHIND: Final = 4 * MAX_UNSYNCED  # bytes that wait for a slow sync until records are refused
SLOW: Final = 2.0  # seconds of a sync that are worth a warning
_INTERVAL: Final = 1.0  # seconds between syncs of records that nothing waits for, with `always`
_TICK: Final = 0.5  # seconds between two checks of the sync under way, at most
_FAILS: Final = "the disk of {path} fails: {reason}"
_REFUSED: Final = "the server's disk fails"


class _Part(NamedTuple):
    """What a sync covers."""

    end: Position
    bytes: int  # that were written up to there
    records: int  # that were kept
    calls: int  # that were held
    closed: list[Closed]


class Syncing(Periodic):
    """Syncs a journal as its settings say, and holds what has to wait for that.

    After a sync that fails the records are written again, to another file: see `Journal.begin_again`. If
    that fails as well, *stop* is called with the reason, and nothing that waits is served.
    """

    _log = Logger()

    def __init__(self, journal: Journal, clock: IReactorTime, stop: Callable[[str], object]) -> None:
        policy = journal.settings.sync
        interval = float(policy) if isinstance(policy, float | int) else _INTERVAL
        tick = interval / ceil(interval / _TICK)
        super().__init__(self._tick, tick, clock)
        self._pause = interval - tick / 2  # between two syncs: a tick may come a little early
        self._journal = journal
        self._path = journal.directory.path
        self._keeps = policy != "no"
        self._clock = clock
        self._stop = stop
        self.unsynced = journal.unsynced  # empty when all is synced
        self.held = HeldCalls()
        self._calls = self.held.calls
        self._is_running = False
        self._is_last_try = False
        self._began = 0.0
        self._late = ceil(ANSWER_TIMEOUT / tick)  # ticks
        # what was held at the ticks of this sync
        self._lengths: deque[int] = deque(maxlen=self._late + 1)
        self._has_warned = False
        self._distrusted: Failed | None = None  # files whose records are written again
        self._synced_bytes = 0
        self.on_sync: Callable[[float], object] = lambda seconds: None  # called with how long one took
        self.failure = ""  # why nothing can be synced any more
        self.count = self.failures = 0  # of syncs
        self.last_seconds = self.longest_seconds = self.all_seconds = 0.0

    def startService(self) -> None:
        """Begin with what an earlier process may have left unsynced. The journal is open."""
        super().startService()
        self._began = self._clock.seconds()
        self._journal.before_growing = self._check_unsynced
        if self._keeps:
            paths = [log.path for log in files_of(self._path, LOG)]
            self._is_last_try = True  # what another process wrote is not kept here
            self._begin(partial(_sync_files, paths))

    def stopService(self) -> Deferred[Any]:
        """Fires when all is synced, or can't be."""
        super().stopService()
        return self.synced().addErrback(lambda failure: failure.trap(Unavailable) and None)

    def hold(self, call: Callable[[Any], object], argument: Any = None) -> None:
        """Make a call when all that is written by now is synced, after the calls that are held already.

        See `HeldCalls` for the argument. The call need not be held while ``unsynced`` and ``held.calls``
        are empty.
        """
        self._calls.append((call, argument))
        if self._is_running:
            return
        if self.failure:
            self.held.refuse_all(self.failure)
        elif self.unsynced or not self._keeps:
            self._begin()
        else:
            self.held.free = len(self._calls)
            self.held.release()

    def synced(self) -> Deferred[None]:
        """Return a Deferred that fires when all that is written by now is synced."""
        is_synced: Deferred[None] = Deferred()
        self.hold(is_synced.callback)
        return is_synced

    @property
    def unsynced_bytes(self) -> int:
        """The bytes that wait for a sync."""
        return self._journal.bytes_written - self._synced_bytes

    def _check_unsynced(self) -> None:
        """Begin a sync if much waits for one. Raises `Unavailable` if far too much does."""
        if not self._keeps or self.unsynced_bytes < MAX_UNSYNCED:
            return
        if not self._is_running:
            self._begin()
        elif self.unsynced_bytes >= MAX_BEHIND:
            raise Unavailable("the server's disk is slow, so nothing was stored: try again later")

    def _tick(self) -> None:
        if self._is_running:
            self._watch()
        elif not self.unsynced and not self._journal.closed:
            return
        elif self._clock.seconds() - self._began >= self._pause:
            self._begin()

    def _watch(self) -> None:
        """Warn of a sync that is slow, and answer what has waited for `ANSWER_TIMEOUT`."""
        seconds = self._clock.seconds() - self._began
        self._lengths.append(len(self._calls))
        if len(self._lengths) > self._late:
            self.held.refuse_results(self._lengths[0], "the server's disk is slow")
        if seconds > SLOW and not self._has_warned:
            self._has_warned = True
            self._log.warn(
                "the disk of {path} is slow: a sync has not ended after {seconds:.1f} s",
                path=self._path,
                seconds=seconds,
            )

    # a sync

    def _begin(self, before: Callable[[], object] = lambda: None) -> None:
        """Sync all that is written by now. *before* is called in the thread first."""
        journal, held = self._journal, self.held
        closed = journal.closed.copy()
        end, records = journal.position, len(self.unsynced)
        part = _Part(end, journal.bytes_written, records, held.bound, closed)
        directory = journal.directory.path if journal.has_new_file else ""
        journal.has_new_file = False
        self._is_running = True
        self._began = self._clock.seconds()
        self._lengths.clear()
        self.count += 1
        syncing = journal.threads.run(_sync, before, closed, journal.segment, directory)
        syncing.addCallbacks(self._succeeded, self._not_synced, callbackArgs=(part,), errbackArgs=(part,))
        syncing.addErrback(self._at_fault)

    def _succeeded(self, seconds: float, part: _Part) -> None:
        self._is_running = self._is_last_try = self._has_warned = False
        self.on_sync(seconds)
        self.last_seconds = seconds
        self.longest_seconds = max(self.longest_seconds, seconds)
        self.all_seconds += seconds
        for _ in range(part.records):
            self.unsynced.popleft()
        self._journal.synced, self._synced_bytes = part.end, part.bytes
        if part.closed:
            del self._journal.closed[: len(part.closed)]
            self._journal.threads.run(_finish, part.closed).addErrback(self._not_finished)
        if self._distrusted is not None:
            self._journal.threads.run(self._distrusted.abandon)
            self._distrusted = None
        held = self.held
        if self.unsynced or not self._keeps:
            held.free += part.calls  # first, as the next sync counts the calls behind these
            if held.bound:
                self._begin()
        else:
            held.free = len(self._calls)
        held.release()

    def _not_finished(self, failure: Failure) -> None:
        self._log.failure("a log file could not be cut to its length", failure)

    def _not_synced(self, failure: Failure, part: _Part) -> None:
        self.failures += 1
        reason, is_of_disk = _reason(failure.value), failure.check(OSError) is not None
        if is_of_disk and not self._keeps:
            self._go_on(reason, part)
        elif is_of_disk and not self._is_last_try:
            self._write_again(reason)
        else:
            self._give_up(reason)

    def _go_on(self, reason: str, part: _Part) -> None:
        """Go on although the disk fails: nothing was promised about it."""
        self._log.error(_FAILS + ". The records of some time may be lost", path=self._path, reason=reason)
        self._is_running = False
        del self._journal.closed[: len(part.closed)]
        for full in part.closed:
            full.segment.abandon()
        self.held.refuse_all(_REFUSED)

    def _write_again(self, reason: str) -> None:
        """Write all that is not synced again, to a new file, and sync that."""
        self._log.error(
            _FAILS + ". What was not on it yet is written again, to a new file",
            path=self._path,
            reason=reason,
        )
        self._is_last_try = True
        self._journal.before_growing = lambda: None  # what is to be written was taken before
        try:
            self._distrusted = self._journal.begin_again()
        except (OSError, Unavailable) as error:
            self._give_up(_reason(error))
            return
        self._journal.before_growing = self._check_unsynced
        self._begin(self._distrusted.replace)

    def _at_fault(self, failure: Failure) -> None:
        self._log.failure("a fault after a sync", failure)
        self._give_up("a fault of gim: see the log")

    def _give_up(self, reason: str) -> None:
        self._is_running = False
        self.failure = _REFUSED
        self._journal.give_up(reason)
        self.held.refuse_all(_REFUSED)
        self._stop(
            f"--data-dir: the disk of {self._path} fails ({reason}): the last records may not be on it"
        )


def _sync(before: Callable[[], object], closed: list[Closed], current: Segment, directory: str) -> float:
    """Take files to the disk, and their names if there is a *directory*. Return the seconds it took.

    Runs in the journal's thread.
    """
    began = perf_counter()
    before()
    for full in closed:
        full.segment.sync()
    current.sync()
    if directory:
        sync_directory(directory)
    return perf_counter() - began


def _finish(closed: list[Closed]) -> None:
    for full in closed:
        full.segment.finish(full.end)


def _sync_files(paths: list[str]) -> None:
    for path in paths:
        sync_file(path)


def _reason(error: BaseException | None) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
