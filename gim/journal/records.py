"""The form of a record in a file, and of the few records that the journal itself reads.

A file begins with `MAGIC`. A record is its length (u32, little endian), a CRC-32 and the payload, a
MessagePack array that begins with the kind. The CRC is that of zlib over the payload; its start value is
the length, so that it covers the length too. A length of 0 is the end: files are filled with zeros ahead
of the records.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, Final
from zlib import crc32

import msgspec

Position = tuple[int, int]  # the number of a log, and an offset in it

FORMAT: Final = 1
MAGIC: Final = b"GIMLOG\0" + bytes([FORMAT])

HEADER: Final = Struct("<II")
HEADER_SIZE: Final = HEADER.size
MIN_SIZE: Final = 2  # bytes of a payload: an array, and the kind

# Kinds that the journal reads; all others are those of gim.storage.durable.effects.
TICK: Final = 12  # its fields 4 and 5: the number and the offset up to which the logs are synced
SLICE: Final = 30  # its fields 1 and 2: the place in the logs up to which a checkpoint needs them
SEAL: Final = 31  # the end of a checkpoint that is complete
# number of the log, length of the log before it as far as it is valid (null for all), and whether it was
# written again, so that it has nothing but messages (missing for not)
BEGIN: Final = 40
END: Final = 41  # the log was closed here, and synced
SUM: Final = 42  # the CRC-32 of all that is before it in the file, which was synced: see `sums`

_LONG_ARRAY: Final = 0xDC  # the head of an array of 16 to 65,535 values

encode: Final = msgspec.msgpack.Encoder().encode
decode: Final = msgspec.msgpack.Decoder().decode


def frame(payload: bytes) -> bytes:
    """Return a payload as the record that is written."""
    size = len(payload)
    return HEADER.pack(size, crc32(payload, size)) + payload


def payload_at(data: bytes, offset: int) -> bytes | None:
    """Return the payload of the record at an offset, None if there is not a whole and valid one."""
    start = offset + HEADER_SIZE
    if start > len(data):
        return None
    size, checksum = HEADER.unpack_from(data, offset)
    payload = data[start : start + size]
    if size < MIN_SIZE or len(payload) != size or crc32(payload, size) != checksum:
        return None
    return payload


def records(data: bytes, offset: int = len(MAGIC)) -> Iterator[tuple[int, bytes]]:
    """Walk over the valid records from an offset on: each with its offset. Ends at the first other
    bytes."""
    unpack, end = HEADER.unpack_from, len(data) - HEADER_SIZE
    while offset <= end:
        size, checksum = unpack(data, offset)
        start = offset + HEADER_SIZE
        payload = data[start : start + size]
        if size < MIN_SIZE or len(payload) != size or crc32(payload, size) != checksum:
            return
        yield offset, payload
        offset = start + size


def kind_of(payload: bytes) -> int:
    """Return the kind of a record: a small number, which MessagePack writes as itself, after the array's
    head."""
    return payload[3] if payload[0] == _LONG_ARRAY and len(payload) > 3 else payload[1]


def fields(payload: bytes) -> list[Any]:
    """Return the array of a payload."""
    found: list[Any] = decode(payload)
    return found
