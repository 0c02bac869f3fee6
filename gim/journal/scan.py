"""How the records of a file end: cleanly, torn by a crash, or damaged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Final, Literal
from zlib import crc32

import msgspec
from msgspec import Struct

from gim.journal.records import (
    BEGIN,
    END,
    HEADER,
    HEADER_SIZE,
    MAGIC,
    MIN_SIZE,
    SEAL,
    SLICE,
    TICK,
    Position,
    fields,
    kind_of,
    payload_at,
    records,
)
from gim.journal.sums import SUM_SIZE, has_valid_sum

NOWHERE: Final[Position] = (0, 0)
_SECTOR: Final = 512  # bytes that a disk writes as a whole, or not
_CHECKED_AT_ONCE: Final = 4000  # records, some 5 ms
_HEAD: Final = re.compile(
    rb"[\x90-\x9f][\x01-\x7f]|\xdc..[\x01-\x7f]", re.DOTALL
)  # an array, and the kind


class Finding(Struct, frozen=True, kw_only=True):
    """How the records of one file end.

    ``clean``: nothing follows the last record but zeros. ``torn``: what follows was being written, or was
    not on the disk yet. ``damaged``: a record that was on the disk is not valid any more, and valid ones
    follow it.
    """

    path: str
    number: int
    kind: Literal["clean", "torn", "damaged"]
    end: int  # offset behind the last record before anything that is not valid
    size: int  # of the file, without zeros behind the last record
    records: int  # valid ones before ``end``, 0 if they were not counted
    following: int | None = None  # offset of the first valid record behind one that is not
    synced: Position = NOWHERE  # the newest that the file says of how far the logs were synced
    valid_before: int | None = None  # what the file says of the length of the one before it
    begins: int | None = None  # the number of the log that the file says to be, None if it does not
    is_rewritten: bool = False  # so it has nothing but messages
    is_sealed: bool = False  # the file ends as a checkpoint that is complete


class _Place(msgspec.Struct, array_like=True, gc=False):
    """The first fields of a `SLICE`. What a checkpoint needs is on the disk before it counts."""

    kind: int
    number: int
    offset: int


_place_of: Final = msgspec.msgpack.Decoder(_Place).decode


class _Notes:
    """What the records that the journal itself reads say."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.synced = NOWHERE
        self.valid_before: int | None = None
        self.begins: int | None = None
        self.is_rewritten = self.is_sealed = False

    def take(self, offset: int, payload: bytes) -> None:
        with suppress(msgspec.DecodeError):  # bytes of a message that is damaged may seem to be a record
            self._take(offset, payload)

    def _take(self, offset: int, payload: bytes) -> None:
        kind = kind_of(payload)
        if kind == TICK:
            match fields(payload):
                case [_, _, _, _, int(number), int(synced), *_]:
                    self.synced = max(self.synced, (number, synced))
        elif kind == END:
            self.synced = max(self.synced, (self._number, offset))
        elif kind == BEGIN:
            match fields(payload):
                case [_, int(number), int() | None as length, *rest]:
                    self.begins, self.valid_before = number, length
                    self.is_rewritten = rest[:1] == [True]
        elif kind == SLICE:
            place = _place_of(payload)
            self.synced = max(self.synced, (place.number, place.offset))
            self.is_sealed = False
        elif kind == SEAL:
            self.is_sealed = True


def summed(path: str, number: int, data: bytes) -> Finding | None:
    """Return the finding of a log that ends in its checksum if that is right, without its records."""
    if data[: len(MAGIC)] != MAGIC or not has_valid_sum(data):
        return None
    notes = _Notes(number)
    for offset, payload in islice(records(data), 1):
        notes.take(offset, payload)
    notes.synced = number, len(data) - SUM_SIZE
    return _finding(path, number, notes, end=len(data), size=len(data))


def check(path: str, number: int, data: bytes) -> Iterator[Finding | None]:
    """Look at all records of a file. Yields None now and then, and the finding at last."""
    if data[: len(MAGIC)] != MAGIC:
        yield _without_magic(path, number, data)
        return
    unpack, last, noted = HEADER.unpack_from, len(data) - HEADER_SIZE, (TICK, BEGIN, END, SLICE, SEAL)
    notes, offset, count = _Notes(number), len(MAGIC), 0
    while offset <= last:
        size, checksum = unpack(data, offset)
        start = offset + HEADER_SIZE
        payload = data[start : start + size]
        if size < MIN_SIZE or len(payload) != size or crc32(payload, size) != checksum:
            break
        if payload[1] in noted:
            notes.take(offset, payload)
        offset = start + size
        count += 1
        if not count % _CHECKED_AT_ONCE:
            yield None
    yield _ending(path, number, data, offset, count, notes)


def check_now(path: str, number: int, data: bytes) -> Finding:
    """Look at all records of a file at once."""
    found = [finding for finding in check(path, number, data) if finding is not None]
    return found[0]


def _without_magic(path: str, number: int, data: bytes) -> Finding:
    content = data.rstrip(b"\0")
    following = None if MAGIC.startswith(content) else _next_record(data, 0)
    is_torn = following is None or _may_be_torn(data, number, 0, following)
    kind: Literal["torn", "damaged"] = "torn" if is_torn else "damaged"
    return Finding(
        path=path, number=number, kind=kind, end=0, size=len(content), records=0, following=following
    )


def _ending(path: str, number: int, data: bytes, end: int, count: int, notes: _Notes) -> Finding:
    size = max(end, len(data.rstrip(b"\0")))
    following = _next_record(data, end + 1) if size > end else None
    kind: Literal["clean", "torn", "damaged"] = "clean"
    if size > end:
        kind = "torn" if following is None or _may_be_torn(data, number, end, following) else "damaged"
    for offset, payload in records(data, following) if following is not None else ():
        notes.take(offset, payload)
    return _finding(
        path, number, notes, kind=kind, end=end, size=size, records=count, following=following
    )


def _finding(
    path: str,
    number: int,
    notes: _Notes,
    *,
    end: int,
    size: int,
    kind: Literal["clean", "torn", "damaged"] = "clean",
    records: int = 0,
    following: int | None = None,
) -> Finding:
    return Finding(
        path=path,
        number=number,
        kind=kind,
        end=end,
        size=size,
        records=records,
        following=following,
        synced=notes.synced,
        valid_before=notes.valid_before,
        begins=notes.begins,
        is_rewritten=notes.is_rewritten,
        is_sealed=notes.is_sealed,
    )


def _may_be_torn(data: bytes, number: int, end: int, following: int) -> bool:
    """Say whether a power cut explains a record that is not valid in front of one that is.

    Without a sync the blocks of a file reach the disk in any order, and blocks that did not are zeros.
    What a later record says to have been synced was there.
    """
    notes = _Notes(number)
    for offset, payload in records(data, following):
        notes.take(offset, payload)
    if notes.synced > (number, end):
        return False
    first = -(-end // _SECTOR) * _SECTOR
    if first > end and not any(data[end:first]):
        return True  # the block that the last sync ended in is as it was then
    zeros = bytes(_SECTOR)
    return any(data[at : at + _SECTOR] == zeros for at in range(first, following - _SECTOR + 1, _SECTOR))


def _next_record(data: bytes, offset: int) -> int | None:
    """Return the offset of the first valid record at or behind an offset."""
    at = offset + HEADER_SIZE
    while (head := _HEAD.search(data, at)) is not None:
        found = head.start() - HEADER_SIZE
        if payload_at(data, found) is not None:
            return found
        # bytes before a head, such as a checksum, may seem to be one that covers it
        at = head.start() + 1
    return None


def valid_records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk over all valid records of a file, each with its offset, and pass over others."""
    offset: int | None = len(MAGIC)
    while offset is not None:
        end = offset
        for at, payload in records(data, offset):
            yield at, payload
            end = at + HEADER_SIZE + len(payload)
        offset = _next_record(data, end + 1)
