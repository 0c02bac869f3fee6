"""Reads the files of a data directory into a memory store, in portions of some 20 ms."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from msgspec import Struct

from gim.journal.records import HEADER, HEADER_SIZE, MAGIC
from gim.journal.scan import Finding, Position
from gim.journal.survey import Progress, Survey
from gim.storage.durable.contents import Contents, LogContent
from gim.storage.durable.effects import (
    MESSAGE,
    MessageStored,
    Slice,
    decode_log,
    decode_state,
)
from gim.storage.durable.replay import Replay
from gim.storage.durable.settle import Settlement
from gim.storage.memory.data import MemoryData

AT_ONCE: Final = 4000  # records, some 20 ms
TRIMMED_AT_ONCE: Final = 1000  # messages, some 10 ms
CHUNK: Final = 4 * 1024 * 1024  # bytes that are read at once
MAX_PROBLEMS: Final = 100  # that are told of

_NEVER: Final = 1 << 62  # an offset that no file has
_decode_message: Final = msgspec.msgpack.Decoder(MessageStored).decode


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
        for log in logs:
            if state is not None and log.number < state.number:
                yield from self._read_messages(log)
            else:
                yield from self._read_log(log)
        while self._next is not None:
            self._take_slice()
            yield

    def _read_slices(self, state: Finding | None) -> Iterator[Slice]:
        if state is None:
            return
        counted = 0
        for offset, payload in _walk(state):
            try:
                record = decode_state(payload)
            except msgspec.DecodeError as error:
                self._problem(state, offset, error)
            else:
                if isinstance(record, Slice):
                    yield record
            self._progress.done += offset + HEADER_SIZE + len(payload) - counted
            counted = offset + HEADER_SIZE + len(payload)

    def _take_slice(self) -> None:
        """Apply the next portion of the checkpoint, and read the one after it.

        The very first is applied before any log is read: its values only grow, and tell which messages
        are dead.
        """
        if self._next is None:
            first = next(self._slices, None)
            self._apply(first)
        else:
            self._apply(self._next)
        self._next = next(self._slices, None)

    def _apply(self, portion: Slice | None) -> None:
        for effect in portion.effects if portion is not None else ():
            self.found.apply(effect)

    def _read_messages(self, log: Finding) -> Iterator[None]:
        """Read a log from before the checkpoint: only messages count."""
        content = LogContent(log.number, log.end)
        self.logs.append(content)
        counted = 0
        for count, (offset, payload) in enumerate(_walk(log)):
            if payload[1] == MESSAGE:
                self._message(log, offset, payload, content)
            if not count % AT_ONCE:
                self._progress.done += offset - counted
                counted = offset
                yield
        self._progress.done += log.end - counted

    def _message(self, log: Finding, offset: int, payload: bytes, content: LogContent) -> None:
        try:
            record = _decode_message(payload)
        except msgspec.DecodeError as error:
            self._problem(log, offset, error)
            return
        if self.found.message(record):
            content.messages += 1
            content.live_bytes += HEADER_SIZE + len(payload)
            if not content.first_id or record.id < content.first_id:
                content.first_id = record.id
            if record.id > content.last_id:
                content.last_id = record.id

    def _read_log(self, log: Finding) -> Iterator[None]:
        """Read a log of which everything counts."""
        content = LogContent(log.number, log.end)
        self.logs.append(content)
        counted, due = 0, self._due(log.number, 0)
        for count, (offset, payload) in enumerate(_walk(log)):
            if offset >= due:
                due = self._due(log.number, offset)
            if payload[1] == MESSAGE:
                self._message(log, offset, payload, content)
            else:
                self._other(log, offset, payload)
            if not count % AT_ONCE:
                self._progress.done += offset - counted
                counted = offset
                yield
        self._progress.done += log.end - counted

    def _due(self, number: int, offset: int) -> int:
        """Apply the portions of the checkpoint up to a place; return the offset of the next one."""
        while self._next is not None and (self._next.number, self._next.offset) <= (number, offset):
            self._take_slice()
        if self._next is None or self._next.number > number:
            return _NEVER
        return self._next.offset

    def _other(self, log: Finding, offset: int, payload: bytes) -> None:
        try:
            self.found.apply(decode_log(payload))
        except msgspec.DecodeError as error:
            self._problem(log, offset, error)

    def _problem(self, file: Finding, offset: int, error: Exception) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(f"{file.path}: the record at offset {offset} can't be read: {error}")


def _walk(file: Finding) -> Iterator[tuple[int, bytes]]:
    """Walk over the records of a file that was checked: each with its offset."""
    unpack, at, data, offset = HEADER.unpack_from, 0, b"", len(MAGIC)
    with open(file.path, "rb") as source:
        source.seek(offset)
        while offset < file.end:
            if len(data) - at < HEADER_SIZE or len(data) - at - HEADER_SIZE < unpack(data, at)[0]:
                more = source.read(CHUNK)
                if not more:
                    return
                data, at = data[at:] + more, 0
                continue
            start = at + HEADER_SIZE
            end = start + unpack(data, at)[0]
            yield offset, data[start:end]
            offset += end - at
            at = end
