"""Reads the files of a data directory into a memory store, in portions of some 20 ms."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Struct

from gim.journal.records import HEADER, HEADER_SIZE, MAGIC, Position, payload_at
from gim.journal.scan import Finding
from gim.journal.survey import Progress, Survey
from gim.storage.durable.contents import Contents, LogContent
from gim.storage.durable.effects import MESSAGE, Slice, Tick, decode_log, decode_state, encode
from gim.storage.durable.replay import Replay
from gim.storage.durable.settle import Settlement
from gim.storage.memory.data import MemoryData
from gim.storage.message_ids import FIRST

AT_ONCE: Final = 4000  # records, some 20 ms
TRIMMED_AT_ONCE: Final = 1000  # messages, some 10 ms
CHUNK: Final = 4 * 1024 * 1024  # bytes that are read at once
MAX_PROBLEMS: Final = 100  # that are reported

_TICK_HEAD: Final = encode(Tick(FIRST, "", "", 0, 0, {}))[:4]  # an array, the kind, a text of 32 bytes
_NEVER: Final = 1 << 62  # an offset that no file has


class Restored(Struct, frozen=True):
    """What was loaded: where the log goes on (None without any), what each log holds, and records that
    this version can't read, in words."""

    position: Position | None
    logs: list[LogContent]
    problems: list[str]


def restore(
    data: MemoryData,
    survey: Survey,
    progress: Progress,
    counted: Callable[[list[LogContent]], None] = lambda logs: None,
) -> Iterator[Restored | None]:
    """Load what was surveyed, and repaired, into data that holds nothing.

    Yields None after portions, and the result at last. *progress* counts the bytes. *counted* is called
    with what each log holds, before messages are trimmed that are beyond the limit of all. Garbage
    collection is off meanwhile: nothing of what is loaded is garbage.
    """
    had_gc = gc.isenabled()
    gc.disable()
    try:
        reading = _Reading(data, survey, progress)
        yield from reading.read()
        contents = Contents(reading.logs)
        yield from Settlement(data, reading.found, contents).run()
        counted(contents.logs)
        while data.archive.trim_total(TRIMMED_AT_ONCE):
            yield None
        yield Restored(survey.end, contents.logs, reading.problems)
    finally:
        if had_gc:
            gc.enable()


class _Reading:
    """Walks over the files of a survey."""

    def __init__(self, data: MemoryData, survey: Survey, progress: Progress) -> None:
        self.found = Replay(data.archive.now_ms())
        self.logs: list[LogContent] = []
        self.problems: list[str] = []
        self._survey = survey
        self._progress = progress
        self._slices = self._read_slices(survey.state)
        self._next: Slice | None = None  # the portion of the checkpoint that comes next

    def read(self) -> Iterator[None]:
        """Read all files in the order in which they count."""
        state, logs = self._survey.state, self._survey.logs
        self._progress.done = 0
        self._progress.total = sum(file.end for file in (*logs, *([state] if state else [])))
        self._take_slice()
        self.found.expect_floor(_last_floor(logs))
        for log in logs:
            is_old = state is not None and log.number < state.number
            yield from self._read_log(log, is_old)
        while self._next is not None:
            self._take_slice()
            yield

    def _read_slices(self, state: Finding | None) -> Iterator[Slice]:
        if state is None:
            return
        self._progress.done += len(MAGIC)
        for payloads, size in _blocks(state):
            for payload in payloads:
                try:
                    record = decode_state(payload)
                except msgspec.DecodeError as error:
                    self._problem(state, error)
                else:
                    if isinstance(record, Slice):
                        yield record
            self._progress.done += size

    def _take_slice(self) -> None:
        """Apply the next portion of the checkpoint, and read the one after it.

        The very first is applied before any log is read: its values only grow, and tell which messages
        are dead.
        """
        portion = self._next if self._next is not None else next(self._slices, None)
        for effect in portion.effects if portion is not None else ():
            self.found.apply(effect)
        self._next = next(self._slices, None)

    def _read_log(self, log: Finding, is_old: bool) -> Iterator[None]:
        """Read a log; of one from before the checkpoint only messages count."""
        content, messages = LogContent(log.number, log.end), list[bytes]()
        self.logs.append(content)
        offset, due = len(MAGIC), _NEVER if is_old else self._due(log.number, 0)
        self._progress.done += offset
        for payloads, size in _blocks(log):
            for payload in payloads:
                if offset >= due:
                    self._take_messages(log, messages, content)
                    due = self._due(log.number, offset)
                offset += HEADER_SIZE + len(payload)
                if payload[1] == MESSAGE:
                    messages.append(payload)
                elif not is_old:
                    self._take_messages(log, messages, content)
                    self._take_other(log, payload)
            self._take_messages(log, messages, content)
            self._progress.done += size
            yield

    def _take_messages(self, log: Finding, payloads: list[bytes], content: LogContent) -> None:
        """Take the messages that were collected, and forget them."""
        if payloads:
            self.found.messages(payloads, content, lambda error: self._problem(log, error))
            payloads.clear()

    def _take_other(self, log: Finding, payload: bytes) -> None:
        try:
            self.found.apply(decode_log(payload))
        except msgspec.DecodeError as error:
            self._problem(log, error)

    def _due(self, number: int, offset: int) -> int:
        """Apply the portions of the checkpoint up to a place; return the offset of the next one."""
        while self._next is not None and (self._next.number, self._next.offset) <= (number, offset):
            self._take_slice()
        if self._next is None or self._next.number > number:
            return _NEVER
        return self._next.offset

    def _problem(self, file: Finding, error: Exception) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(f"{file.path}: a record can't be read: {error}")


def _last_floor(logs: list[Finding]) -> str:
    """Return the floor of the last tick, if it is near the end of the last log, as it is within a second
    of a message.

    No text of a message looks like the head of a tick: that is not valid UTF-8.
    """
    if not logs:
        return FIRST
    start = max(len(MAGIC), logs[-1].end - CHUNK)
    with open(logs[-1].path, "rb") as source:
        source.seek(start)
        data = source.read(logs[-1].end - start)
    at = data.rfind(_TICK_HEAD)
    while at >= HEADER_SIZE:
        payload = payload_at(data, at - HEADER_SIZE)
        with suppress(msgspec.DecodeError):
            if payload is not None and isinstance(tick := decode_log(payload), Tick):
                return tick.floor
        at = data.rfind(_TICK_HEAD, 0, at)
    return FIRST


def _blocks(file: Finding) -> Iterator[tuple[list[bytes], int]]:
    """Yield the records of a file that was checked, some at a time, with the bytes that they take."""
    unpack, offset, data, at = HEADER.unpack_from, len(MAGIC), b"", 0
    with open(file.path, "rb") as source:
        source.seek(offset)
        while offset < file.end:
            begin, payloads, last = at, list[bytes](), len(data) - HEADER_SIZE
            while at <= last and len(payloads) < AT_ONCE:
                start = at + HEADER_SIZE
                end = start + unpack(data, at)[0]
                if end > len(data):
                    break
                payloads.append(data[start:end])
                at = end
            if payloads:
                offset += at - begin
                yield payloads, at - begin
            elif more := source.read(min(CHUNK, file.end - offset)):
                data, at = data[at:] + more, 0
            else:
                return
