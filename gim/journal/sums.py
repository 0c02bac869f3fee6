"""The checksum of a whole log: its last record when the file is finished.

A start checks such a file in one go, which takes a tenth of the time of checking each record. A file
whose checksum is not right, or missing as after a crash, is checked record by record.
"""

from __future__ import annotations

from struct import Struct
from typing import Final
from zlib import crc32

from gim.journal.records import SUM, encode, frame, payload_at

_CHECKSUM: Final = Struct("<I")
_HEAD: Final = encode((SUM, bytes(_CHECKSUM.size)))[: -_CHECKSUM.size]


def sum_record(checksum: int) -> bytes:
    """Return the record that says the CRC-32 of all bytes before it."""
    return frame(_HEAD + _CHECKSUM.pack(checksum))


SUM_SIZE: Final = len(sum_record(0))


def has_valid_sum(data: bytes) -> bool:
    """Say whether a file ends in the checksum of what is before it."""
    start = len(data) - SUM_SIZE
    payload = payload_at(data, start) if start > 0 else None
    if payload is None or not payload.startswith(_HEAD):
        return False
    (checksum,) = _CHECKSUM.unpack_from(payload, len(_HEAD))
    return bool(crc32(memoryview(data)[:start]) == checksum)
