"""Waiting for what a Redis store does a little later than it answers."""

from __future__ import annotations

from gim.concurrency.gather import gather
from gim.storage.redis.store.store import RedisStore


async def settled(store: RedisStore) -> None:
    """Return when nothing is under way any more."""
    await gather([store._marks.flush(), store._resync.idle()])
    await store.ping()
