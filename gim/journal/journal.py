"""The journal: appends records to the log, and begins a new file when one is full."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from zlib import crc32

from twisted.internet.defer import Deferred, maybeDeferred

from gim.errors import Unavailable
from gim.journal import segment as segments
from gim.journal.closed import Closed, Failed
from gim.journal.directory import DataDirectory
from gim.journal.files import LOG, TEMPORARY, path_of, sync_directory
from gim.journal.records import (
    BEGIN,
    END,
    HEADER,
    HEADER_SIZE,
    MAGIC,
    Position,
    encode,
    frame,
    kind_of,
)
from gim.journal.segment import Segment
from gim.journal.settings import JournalSettings
from gim.journal.threads import Threads
from gim.log.logger import Logger


class Journal:
    """The log of one data directory. Nothing may be appended before `open_at`, and after `close`.

    A record that was appended outlives the process. It outlives the machine when a sync has covered it.
    """

    _log = Logger()

    def __init__(
        self,
        directory: DataDirectory,
        settings: JournalSettings,
        threads: Threads,
        on_roll: Callable[[int, bytes | None], None] = lambda number, first: None,
    ) -> None:
        """*on_roll* is called with the number of each new log file, and the payload that goes there
        first: b"" for none yet, None for payloads that were written to older files before."""
        self.directory = directory
        self.settings = settings
        self.threads = threads
        self.on_roll = on_roll
        self.failing = ""  # why nothing can be written now
        self.closed: list[Closed] = []  # segments to sync and to finish, the oldest first
        # payloads since the last sync, to be written again should it fail
        self.unsynced: deque[bytes] = deque(maxlen=0 if settings.sync == "no" else None)
        self.other_bytes = 0  # of all that was appended, those of records that are not messages
        self.synced: Position = 0, 0  # up to where a sync has covered the log
        self.has_new_file = False  # whose name in the directory is not synced
        self.bytes_appended = 0  # in segments that are closed
        # called whenever the file is to grow, some 1,700 messages; may raise `Unavailable` to refuse that
        self.before_growing: Callable[[], None] = lambda: None
        self._is_broken = False
        self._segment: Segment
        self._number = 0
        self._at = self._room = 0  # where the next record goes, and up to where there is room

    @property
    def position(self) -> Position:
        """Where the next record will be, if it fits into the current file."""
        return self._number, self._at

    @property
    def segment(self) -> Segment:
        """The current file."""
        return self._segment

    @property
    def bytes_written(self) -> int:
        """The bytes that were written since the start, and those of the current file from before it."""
        return self.bytes_appended + self._at

    def open_at(self, position: Position | None) -> None:
        """Go on at the end of what is in the directory; None if nothing is. May raise `OSError`."""
        if position is None:
            self._begin(1, None)
            return
        number, end = position
        path = path_of(self.directory.path, LOG, number)
        self._use(segments.open_again(number, path, self.settings.segment_size, end), end)

    def append(self, payload: bytes) -> None:
        """Write a record. Raises `Unavailable` if the disk does not take it; then nothing is written."""
        size = len(payload)
        start = self._at
        end = start + HEADER_SIZE + size
        if end > self._room:
            self._make_room(payload)
            start = self._at
            end = start + HEADER_SIZE + size
        self._map[start:end] = _pack(size, crc32(payload, size)) + payload
        self._at = end
        self.unsynced.append(payload)

    def append_other(self, payload: bytes) -> None:
        """Write a record as `append` does, and count its bytes in ``other_bytes``."""
        self.append(payload)
        self.other_bytes += HEADER_SIZE + len(payload)

    def _make_room(self, payload: bytes) -> None:
        """Make room for a record, in a new file if it doesn't fit into this one."""
        if self.failing:
            raise self._refusal()
        self.before_growing()
        try:
            self._extend(HEADER_SIZE + len(payload), payload)
        except OSError as error:
            self._fail(error)
            raise self._refusal() from error

    def _extend(self, size: int, payload: bytes = b"") -> None:
        end = self._at + size
        if end > self._segment.capacity:
            self.roll(size, payload)
            end = self._at + size
        self._segment.add_up(self._at)
        self._segment.extend(end)
        self._room = self._segment.room

    def roll(self, size: int = 0, payload: bytes = b"") -> int:
        """Begin a new file with room for *size* bytes, in which *payload* goes first unless it is empty.

        Returns the number of the file. May raise `OSError`.
        """
        old, end = self._segment, self._at
        self._begin(self._number + 1, end, size)
        old.add_up(end)
        self.closed.append(Closed(old, end))
        self.bytes_appended += end
        self.on_roll(self._number, payload)
        return self._number

    def _begin(self, number: int, valid: int | None, size: int = 0, suffix: str = "") -> None:
        """Make a file; *valid* is the length of the one before it as far as it can be relied on."""
        begin = encode((BEGIN, number, valid))
        least = len(MAGIC) + 2 * HEADER_SIZE + len(begin) + size
        path = path_of(self.directory.path, LOG, number) + suffix
        self._use(segments.make(number, path, max(self.settings.segment_size, least)), len(MAGIC))
        self.has_new_file = True
        self.append(begin)

    def _use(self, segment: Segment, end: int) -> None:
        self._segment, self._map = segment, segment.map
        self._number, self._at, self._room = segment.number, end, segment.room

    def _fail(self, error: OSError) -> None:
        self.failing = error.strerror or str(error)
        self._room = 0  # so that each record asks for room, and is refused
        self._log.error(
            "the data directory {path} can't be written to: {reason}. Messages are refused until it can",
            path=self.directory.path,
            reason=self.failing,
        )

    def retry(self) -> None:
        """Write again if the disk takes it now. To be called about once a second while `failing` is
        set."""
        if not self.failing or self._is_broken:
            return
        try:
            self._extend(segments.CHUNK)
        except OSError as error:
            self.failing = error.strerror or str(error)
            self._room = 0
        else:
            self.failing = ""
            self._log.info("the data directory {path} can be written to again", path=self.directory.path)

    def _refusal(self) -> Unavailable:
        return Unavailable(
            f"the server can't write to its disk ({self.failing}), so nothing was stored: try again later"
        )

    def begin_again(self) -> Failed:
        """Go on in a new file, to which all records are written again that no sync has covered.

        For a sync that failed: the kernel may have dropped what it could not write, and reports that only
        once, so nothing of the files that were to be synced is relied on any more. (See the discussion of
        PostgreSQL from 2018, "fsyncgate".) Raises `Unavailable` or `OSError` if that fails, too: then a
        start reads what is left of the old files.
        """
        number, end = self.synced
        failed = [*self.closed, Closed(self._segment, self._at)]
        unsynced = list(self.unsynced)
        again = [payload for payload in unsynced if kind_of(payload) != BEGIN]
        self.closed.clear()
        self.bytes_appended += self._at
        self._repeat(again, end if number == self._number else None)
        for _ in unsynced:  # only now: if that fails, nothing may be shown
            self.unsynced.popleft()
        return Failed(failed, end)

    def _repeat(self, payloads: list[bytes], valid: int | None) -> None:
        """Begin a file with records that are in older files, too.

        It gets its name when it has all of them: it says that the older ones end before these records.
        """
        size = sum(HEADER_SIZE + len(payload) for payload in payloads)
        self._begin(self._number + 1, valid, size, TEMPORARY)
        for payload in payloads:
            self.append(payload)
        self._segment.rename(path_of(self.directory.path, LOG, self._number))
        self.on_roll(self._number, None)

    def give_up(self, reason: str) -> None:
        """Refuse all records from now on."""
        self.failing, self._is_broken, self._room = reason, True, 0

    def close(self) -> Deferred[None]:
        """Sync all, mark the end, and close the file. Fires when that is done.

        Records are refused from now on: they would come behind the end.
        """
        return maybeDeferred(self._end)

    def _end(self) -> Deferred[None]:
        payload = encode((END, self._at))
        if self._at + HEADER_SIZE + len(payload) > self._room:
            self._make_room(payload)
        at, record = self._at, frame(encode((END, self._at)))
        self._at += len(record)
        self.give_up("the server stops")
        return self.threads.run(self._close, at, record)

    def _close(self, at: int, record: bytes) -> None:
        self.finish_closed()
        self._segment.sync()
        self._map[at : at + len(record)] = record  # only now, as it says that all before it is synced
        self._segment.sync()
        self._segment.add_up(at + len(record))
        self._segment.finish(at + len(record))

    def finish_closed(self) -> None:
        """Sync and finish the files that are full. Waits for the disk."""
        while self.closed:
            full = self.closed[0]
            full.segment.sync()
            full.segment.finish(full.end)
            del self.closed[0]
        sync_directory(self.directory.path)


_pack = HEADER.pack
