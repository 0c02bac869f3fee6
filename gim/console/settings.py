"""What the operator sets of the console."""

from __future__ import annotations

from msgspec import Struct


class ConsoleSettings(Struct, frozen=True):
    """Fields have the names of their options."""

    console: bool  # whether it is served
    console_read_only: bool
