"""Settings for tests: without limits, and with the values of the defaults apart from what is given."""

from __future__ import annotations

from typing import Any

from msgspec import structs
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.clocks import WallClock
from gim.limits.limits import LimitHits, Limits
from gim.storage.memory.data import MemoryData
from gim.storage.memory.recorder import Recorder
from gim.storage.memory.store import MemoryStore
from gim.storage.redis.client.url import Target
from gim.storage.redis.store.store import Connect, RedisStore
from gim.storage.rules import REQUEST_IDS_PER_SENDER
from gim.storage.settings import MemorySettings, RedisSettings
from gim.storage.storage_limits import StorageLimits
from tests.support.clocks import SettableWallClock


def no_limits(**values: float) -> Limits:
    """Return limits that are all 0, apart from the given *values*."""
    zero: Any = dict.fromkeys(Limits.__struct_fields__, 0)
    return Limits(**(zero | values))


def storage_limits(clock: IReactorTime, hits: LimitHits | None = None, **values: float) -> StorageLimits:
    """Return the limits of a storage that are all 0, apart from the given *values*."""
    return StorageLimits.of(no_limits(**values), hits or LimitHits(is_enforced=True), clock)


def memory_store(
    clock: IReactorTime,
    wall: WallClock | None = None,
    limits: StorageLimits | None = None,
    request_ids_per_sender: int = REQUEST_IDS_PER_SENDER,
    recorder: Recorder | None = None,
    **changes: Any,
) -> MemoryStore:
    """Return a store in this process; *changes* are fields of its settings. *wall* goes with *clock*
    unless it is given. Changes go to *recorder*, if there is one, before they are made."""
    wall = wall or SettableWallClock(clock.seconds)
    settings = MemorySettings(
        max_session_messages=10_000, max_messages=1_000_000, ttl=30 * 86400.0, sequences=False
    )
    settings = structs.replace(settings, **changes)
    limits = limits or storage_limits(clock)
    data = MemoryData(clock, wall, settings, limits, request_ids_per_sender, recorder=recorder)
    return MemoryStore(data)


def redis_store(
    connect: Connect,
    clock: IReactorTime,
    prefix: str = "gim",
    limits: StorageLimits | None = None,
    request_ids_per_sender: int = REQUEST_IDS_PER_SENDER,
    overlap_ms: int | None = None,
    **changes: Any,
) -> RedisStore:
    """Return a store on Redis; *changes* are fields of its settings. *connect* knows the servers."""
    settings = RedisSettings(
        redis_url=Target("server", ()),
        redis_prefix=prefix,
        max_session_messages=10_000,
        ttl=30 * 86400.0,
        sequences=False,
    )
    settings = structs.replace(settings, **changes)
    return RedisStore(
        connect,
        clock,
        WallClock(),
        settings,
        limits or storage_limits(clock),
        request_ids_per_sender,
        overlap_ms,
    )
