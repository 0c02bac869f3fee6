"""What the operator sets of the log."""

from __future__ import annotations

from msgspec import Struct


class LogSettings(Struct, frozen=True, kw_only=True):
    """Fields have the names of their options. What is *given* is not a default."""

    log_format: str  # "text" or "json"
    log_level: str
    is_format_given: bool
    is_level_given: bool
