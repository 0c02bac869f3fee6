"""What the stores write in different ways: times of lost messages, positions before all messages."""

from __future__ import annotations

from gim.storage.message_ids import FIRST

_MICROS_OF_AN_ID = 0x7000  # the version digit of an id, before its microseconds


def score_of(message_id: str) -> int:
    """Return the time in an id in microseconds, as ``lib.lua`` of the Redis store does."""
    micros = int(message_id[12:16], 16) - _MICROS_OF_AN_ID
    return int(message_id[:12], 16) * 1000 + max(0, min(micros, 1000))


def id_before(score: int) -> str:
    """Return an id that stands before all others of its microsecond, "" for 0."""
    return f"{score // 1000:012x}{_MICROS_OF_AN_ID + score % 1000:04x}" + "0" * 16 if score > 0 else ""


def position(message_id: str) -> str:
    """Return a position as a dump has it: "" before all messages."""
    return "" if message_id == FIRST else message_id


def lost_before(message_id: str) -> str:
    """Return the newest lost message as a dump has it: to the microsecond, as Redis keeps it."""
    return id_before(score_of(message_id)) if message_id else ""
