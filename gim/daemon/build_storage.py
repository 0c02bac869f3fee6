"""The storage that the options choose, and what watches over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service

from gim.config.options import Options, refuse_start
from gim.limits.limits import Limits
from gim.metrics.export.meters import Meters
from gim.storage.interface import Storage
from gim.storage.membership_limits import MembershipLimits
from gim.storage.memory.store import MemoryStore
from gim.storage.memory.sweeper import Sweeper
from gim.webhooks.from_settings import settings
from gim.webhooks.service import Webhooks


def make_store(
    options: Options, bounds: Limits, reactor: Any, meters: Meters | None
) -> tuple[Storage, Callable[[], int] | None, *tuple[Service, ...]]:
    """Return the storage, what counts its messages if it knows, and the services that it needs."""
    limits = {
        "max_session_messages": options["max-session-messages"],
        "ttl": options["message-ttl"],
        "sequences": options["enable-message-sequence"],
        "rooms": MembershipLimits(bounds),
    }
    if options["storage"] == "redis":
        redis = _redis_store(options, reactor, limits)
        return redis if meters is None else meters.measured(redis, all_appends=True), None
    store = MemoryStore(reactor, max_messages=options["max-messages"], **limits)
    storage = store if meters is None else meters.measured(store, all_appends=False)
    return storage, lambda: store.sizes()["messages"], Sweeper(store.sweep, reactor)


def _redis_store(options: Options, reactor: Any, limits: dict[str, Any]) -> Storage:
    """Return the Redis storage, or end the process if that Redis can't be used."""
    from gim.storage.redis.client.connect import connect  # 7 MiB that the memory store has no use for
    from gim.storage.redis.probe.probe import Probe, Unusable
    from gim.storage.redis.store.store import RedisStore

    target = options["redis-url"]
    try:
        Probe(target).run()
    except Unusable as error:
        refuse_start(f"{options.origin('redis-url')}: {error}")
    return RedisStore(connect(target, reactor), reactor, prefix=options["redis-prefix"], **limits)


def make_webhooks(options: Options, store: Storage, reactor: Any) -> Webhooks | None:
    """Return what tells a backend of events, None if none is to be told; or end the process."""
    try:
        chosen = settings(options)
    except ValueError as error:
        refuse_start(str(error))
    if chosen is None:
        return None
    from gim.webhooks.receiver import Receiver  # treq, which others have no use for

    receiver = Receiver(chosen, reactor)
    return Webhooks(store, chosen.events, chosen.grace, receiver.post, reactor, receiver.close)
