"""What the operator sets of the journal."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

SyncPolicy = float | Literal["always", "no"]  # seconds between two syncs


class JournalSettings(Struct, frozen=True, kw_only=True):
    """Where the records are, and what is promised about them."""

    data_dir: str
    sync: SyncPolicy
    damage: Literal["refuse", "keep-going"]
    segment_size: int  # bytes of a log file
