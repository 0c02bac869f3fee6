"""Dumps from Redis, and loads into it, as wholes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gim.storage.redis.store.keys import Keys
from gim.storage.settings import RedisSettings
from gim.storage.transfer.from_redis import RedisSource
from gim.storage.transfer.lines import Entry, Head
from gim.storage.transfer.redis_client import connected
from gim.storage.transfer.to_redis import RedisTarget
from gim.storage.transfer.writer import DumpWriter


async def dump_redis(
    settings: RedisSettings, writer: DumpWriter, on_line: Callable[[], None], reactor: Any
) -> None:
    """Write all that is below the prefix. Raises `NoData` or `Unavailable`."""
    keys = Keys(settings.redis_prefix)
    async with connected(settings.redis_url, settings.redis_prefix, reactor, "gim-dump") as redis:
        source = RedisSource(redis, keys, round(settings.ttl * 1000))
        writer.begin(await source.head())
        async for line in source.entries():
            writer.put(line)
            on_line()
    writer.finish()


async def load_redis(
    settings: RedisSettings, head: Head, lines: Iterable[Entry], keeps_epoch: bool, reactor: Any
) -> bool:
    """Load a dump below the prefix; return False if it is there already.

    Raises `Occupied`, `Unavailable`, and what the *lines* raise.
    """
    keys = Keys(settings.redis_prefix)
    async with connected(settings.redis_url, settings.redis_prefix, reactor, "gim-load") as redis:
        target = RedisTarget(redis, keys, round(settings.ttl * 1000))
        if not await target.begin(head):
            return False
        for line in lines:
            await target.put(line)
        await target.finish(head, keeps_epoch)
    return True
