"""Variable-length integers of Protocol Buffers."""

from __future__ import annotations


def varint(number: int) -> bytes:
    """Encode a number, 0 or more: seven bits in each byte, the lowest first; all but the last set bit 7.

    https://protobuf.dev/programming-guides/encoding/#varints
    """
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)
