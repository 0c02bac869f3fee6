"""The memory store that workers share, in their parent, with the webhooks of what happens in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from gim.concurrency.clocks import WallClock
from gim.daemon.memory_parts import MemoryParts
from gim.metrics.export.numbers import JournalNumbers
from gim.storage.linked.news import EncodedNews
from gim.storage.linked.server import StoreServer
from gim.storage.node_names import listener_of
from gim.storage.settings import MemorySettings
from gim.storage.storage_limits import StorageLimits
from gim.webhooks.service import Webhooks
from gim.webhooks.settings import WebhookSettings
from gim.workers.start import StoreIdentity
from gim.workers.webhook_posts import WorkerPosts
from gim.workers.worker_process import Worker


class SharedStore:
    """The data, and what serves it to each worker. Workers also make the attempts of the webhooks."""

    def __init__(
        self,
        settings: MemorySettings,
        webhooks: WebhookSettings | None,
        limits: StorageLimits,
        reactor: Any,
        wall: WallClock,
        fail: Callable[[str], None],
    ) -> None:
        """*fail* ends the daemon for the reason that it is called with."""
        self._reactor = reactor
        self._memory = memory = MemoryParts(settings, limits, reactor, wall, fail)
        self.data, self.durable, self.services = memory.data, memory.durable, memory.services
        self._posts = WorkerPosts()
        self.webhooks: Webhooks | None = None
        if webhooks is not None:
            self.webhooks = Webhooks(
                memory.store(), webhooks.events, webhooks.grace, self._posts.post, reactor, wall
            )
            if self.durable is not None:
                self.webhooks.setServiceParent(self.durable)
        self._news = EncodedNews()
        self._servers: dict[Worker, StoreServer] = {}

    @property
    def figures(self) -> JournalNumbers | None:
        """What is measured of the journal, None without one."""
        return self.durable.figures if self.durable is not None else None

    @property
    def identity(self) -> StoreIdentity:
        """What a worker has to know before it serves."""
        return StoreIdentity(self.data.token_key, self.data.node)

    def spawned(self, worker: Worker) -> None:
        """Serve a worker that was started."""
        listener = listener_of(self.data.node, worker.number)
        store, channel = self._memory.served(listener, worker.channel)
        # an event waits for the sync with its number, which the store of the webhooks gives it
        observed = store if self.webhooks is None else self.webhooks.observed(store)
        server = StoreServer(observed, channel, self._news, self._reactor)
        self._servers[worker] = server
        Deferred.fromCoroutine(server.start())

    def joined(self, worker: Worker) -> None:
        """Have a worker make attempts of the webhooks from now on."""
        self._posts.joined(worker.channel)

    def gone(self, worker: Worker) -> None:
        """End the connections and subscriptions of a worker that has ended."""
        self._posts.gone(worker.channel)
        Deferred.fromCoroutine(self._servers.pop(worker).stop())
