"""How people write durations, sizes and counts. Every reader raises ValueError with what to write."""

from __future__ import annotations

import re

MAX_DURATION = 365 * 86400.0  # seconds
MAX_SIZE = 2**30  # bytes
MIN_MEMORY = 128 * 2**20  # bytes: gim without clients takes half of it

_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|d|)", re.ASCII)
_SIZE = re.compile(r"(\d{1,15})\s*([kmg]i?b|b|)", re.ASCII | re.IGNORECASE)


def duration(text: str) -> float:
    """Read ``500ms``, ``2s``, ``1m``, ``12h``, ``30d`` or plain seconds; return seconds above 0."""
    found = _DURATION.fullmatch(text)
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 0.001 <= seconds <= MAX_DURATION:
        raise ValueError(f"{text!r} is not a valid duration from 1ms to 365d: write 500ms, 2s, 1m or 30d")
    return seconds


def duration_or_zero(text: str) -> float:
    """Read a duration in seconds, or ``0``."""
    return 0.0 if text == "0" else duration(text)


def size(text: str) -> int:
    """Read ``4096``, ``64KiB`` or ``1MiB``; return bytes, 1 to 1 GiB."""
    number = -1 if "g" in text.lower() else _bytes(text)
    if not 1 <= number <= MAX_SIZE:
        raise ValueError(f"{text!r} is not a valid size from 1 byte to 1024MiB: write 4096 or 64KiB")
    return number


def memory_or_zero(text: str) -> int:
    """Read ``512MiB`` or ``4GiB``, or ``0``; return bytes."""
    number = _bytes(text)
    if number != 0 and number < MIN_MEMORY:
        raise ValueError(
            f"{text!r} is not a valid size of memory from 128MiB: write 512MiB, 4GiB, or 0 for no limit"
        )
    return number


def count(text: str) -> int:
    """Read a whole number, 1 or more."""
    number = count_or_zero(text)
    if number == 0:
        raise ValueError("0 is too small: write a whole number, 1 or more")
    return number


def count_or_zero(text: str) -> int:
    """Read a whole number, 0 or more."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise ValueError(f"{text!r} is not a whole number, 0 or more")
    return int(text)


def _bytes(text: str) -> int:
    """Return the number of bytes, -1 for a text that is not a size."""
    found = _SIZE.fullmatch(text)
    return int(found[1]) * _BYTES[found[2].lower()] if found else -1
