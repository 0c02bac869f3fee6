"""The storage that the settings choose, and the webhooks of what happens in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.application.service import Service

from gim.concurrency.clocks import WallClock
from gim.metrics.export.meters import Meters
from gim.storage.interface import Storage
from gim.storage.settings import MemorySettings, RedisSettings
from gim.storage.storage_limits import StorageLimits
from gim.webhooks.service import Webhooks
from gim.webhooks.settings import WebhookSettings

if TYPE_CHECKING:
    from gim.daemon.durable_data import DurableData
    from gim.storage.redis.store.store import RedisStore


class StoreParts(NamedTuple):
    """The storage, counts of its messages if it knows them, and the services that it needs. ``durable``
    is None unless there is a journal."""

    storage: Storage
    kept: Callable[[], int] | None
    stored: Callable[[], int] | None  # since the start
    services: tuple[Service, ...]
    durable: DurableData | None = None

    def when_restored(self, services: tuple[Service, ...]) -> tuple[Service, ...]:
        """Have services start when the data is there; return the ones to start with the daemon."""
        if self.durable is None:
            return services
        for service in services:
            service.setServiceParent(self.durable)
        return ()


class WebhookParts(NamedTuple):
    """The webhooks of this process if it has any, what has events signed with another secret, and the
    services that run."""

    webhooks: Webhooks | None
    use_secret: Callable[[bytes], None]
    services: tuple[Service, ...]


NO_WEBHOOKS = WebhookParts(None, lambda secret: None, ())


def make_store(
    settings: MemorySettings | RedisSettings,
    limits: StorageLimits,
    reactor: Any,
    wall: WallClock,
    meters: Meters | None,
    fail: Callable[[str], None],
) -> StoreParts:
    """Return the storage that the settings choose, measured by *meters* if there are any. *fail* ends the
    daemon for the reason that it is called with."""
    if isinstance(settings, RedisSettings):
        redis = _redis_store(settings, limits, reactor, wall)
        stored = redis if meters is None else meters.measured(redis, all_appends=True)
        services = (limits.send_rate,)
        return StoreParts(stored, None, lambda: redis.messages.stored, services)
    return _memory_store(settings, limits, reactor, wall, meters, fail)


def _memory_store(
    settings: MemorySettings,
    limits: StorageLimits,
    reactor: Any,
    wall: WallClock,
    meters: Meters | None,
    fail: Callable[[str], None],
) -> StoreParts:
    from gim.daemon.memory_parts import MemoryParts  # nodes on Redis and workers do without

    memory = MemoryParts(settings, limits, reactor, wall, fail)
    data, store = memory.data, memory.store()
    storage = store if meters is None else meters.measured(store, all_appends=False)
    return StoreParts(
        storage,
        lambda: data.kept_messages,
        lambda: data.stored_messages,
        memory.services,
        memory.durable,
    )


def _redis_store(
    settings: RedisSettings, limits: StorageLimits, reactor: Any, wall: WallClock
) -> RedisStore:
    from gim.storage.redis.client.connect import connect  # 7 MiB that the memory store does not need
    from gim.storage.redis.store.store import RedisStore

    return RedisStore(connect(settings.redis_url, reactor), reactor, wall, settings, limits)


def make_webhooks(
    settings: WebhookSettings | None, secret: bytes, store: Storage, reactor: Any, wall: WallClock
) -> WebhookParts:
    """Return the webhooks of what happens in *store*."""
    if settings is None:
        return NO_WEBHOOKS
    from gim.webhooks.receiver import Receiver  # with an HTTP client, of no use without webhooks

    receiver = Receiver(settings.url, secret, reactor, wall)
    webhooks = Webhooks(
        store, settings.events, settings.grace, receiver.post, reactor, wall, receiver.close
    )
    return WebhookParts(webhooks, receiver.use_secret, (webhooks,))
