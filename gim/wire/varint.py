"""Numbers as Protocol Buffers write them."""

from __future__ import annotations


def varint(number: int) -> bytes:
    """Write a number, 0 or more, in groups of seven bits: the lowest first, all but the last with the
    eighth set."""
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)
