"""What the operator sets of the chat."""

from __future__ import annotations

from msgspec import Struct


class ChatSettings(Struct, frozen=True):
    """Fields have the names of their options."""

    max_content: int  # bytes of UTF-8
