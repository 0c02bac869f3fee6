"""WebSocket frames from a client, right and wrong ones, and how to read a frame."""

from __future__ import annotations

from typing import NamedTuple

FIN, CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0x80, 0, 1, 2, 8, 9, 10
NO_MASK = b"\0\0\0\0"  # a mask, but one that changes nothing
MASK = b"\x9a\x00\xff\x31"
_MASKED = [bytes(byte ^ key for byte in range(256)) for key in range(256)]  # by key


class Encoded(NamedTuple):
    """A frame as it goes over the wire."""

    head: bytes
    body: bytes

    def __bytes__(self) -> bytes:
        return self.head + self.body


def xor(mask: bytes, payload: bytes) -> bytes:
    masked = bytearray(payload)
    for place, key in enumerate(mask):
        masked[place::4] = masked[place::4].translate(_MASKED[key])
    return bytes(masked)


def encode(
    first: int,
    payload: bytes,
    mask: bytes | None = NO_MASK,
    form: int | None = None,
    length: int | None = None,
) -> Encoded:
    """Write any frame, right or wrong.

    *form* is how its length is written: 0 in one byte, 126 in two more, 127 in eight more, None as
    briefly as can be. *length* is what is said instead of the true one.
    """
    if length is None:
        length = len(payload)
    if form is None:
        form = 0 if length < 126 else 126 if length < 65536 else 127
    more = {0: b"", 126: length.to_bytes(8, "big")[-2:], 127: length.to_bytes(8, "big")}[form]
    second = (form or length) | (0 if mask is None else 0x80)
    if mask is not None and mask != NO_MASK:
        payload = xor(mask, payload)
    return Encoded(bytes([first, second]) + more + (mask or b""), payload)


def decode(data: bytes) -> tuple[int, bool, bytes, int] | None:
    """Read one frame: its first byte, whether it is masked, payload, end; None if it is
    incomplete or its length is not as short as it could be written."""
    if len(data) < 2:
        return None
    length, begin, least = data[1] & 0x7F, 2, 0
    if length > 125:
        begin, least = (4, 126) if length == 126 else (10, 65536)
        length = int.from_bytes(data[2:begin], "big")
    is_masked = data[1] >= 0x80
    mask = data[begin : begin + 4] if is_masked else NO_MASK
    begin += 4 * is_masked
    end = begin + length
    if length < least or len(data) < end:
        return None
    payload = data[begin:end]
    return data[0], is_masked, payload if mask == NO_MASK else xor(mask, payload), end
