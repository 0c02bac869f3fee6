"""What the operator sets of the storages."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct

from gim.journal.settings import JournalSettings
from gim.storage.redis.client.url import Target


class MemorySettings(Struct, frozen=True, kw_only=True):
    """Messages in this process."""

    kind: ClassVar[Literal["memory"]] = "memory"

    max_session_messages: int
    max_messages: int
    ttl: float  # seconds that a message is kept
    sequences: bool  # number the messages of each session
    journal: JournalSettings | None = None  # None for messages that end with the process


class RedisSettings(Struct, frozen=True, kw_only=True):
    """Messages in Redis."""

    kind: ClassVar[Literal["redis"]] = "redis"

    redis_url: Target
    redis_prefix: str
    max_session_messages: int
    ttl: float  # seconds that a message is kept
    sequences: bool  # number the messages of each session
