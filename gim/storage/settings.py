"""What the operator sets of the storages."""

from __future__ import annotations

from msgspec import Struct

from gim.storage.redis.client.url import Target


class MemorySettings(Struct, frozen=True, kw_only=True):
    """Messages in this process."""

    max_session_messages: int
    max_messages: int
    ttl: float  # seconds that a message is kept
    sequences: bool  # number the messages of each session


class RedisSettings(Struct, frozen=True, kw_only=True):
    """Messages in Redis."""

    redis_url: Target
    redis_prefix: str
    max_session_messages: int
    ttl: float  # seconds that a message is kept
    sequences: bool  # number the messages of each session
