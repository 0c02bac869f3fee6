"""The memory store of this process, with a journal if the settings ask for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service

from gim.concurrency.clocks import WallClock
from gim.storage.interface import Storage
from gim.storage.memory.data import MemoryData
from gim.storage.memory.store import MemoryStore
from gim.storage.memory.sweeper import Sweeper
from gim.storage.settings import MemorySettings
from gim.storage.storage_limits import StorageLimits

if TYPE_CHECKING:
    from gim.daemon.durable_data import DurableData
    from gim.link.answering import Answering


class MemoryParts:
    """The data, the stores on it, and the services that they need. Without a journal ``durable`` is
    None."""

    def __init__(
        self,
        settings: MemorySettings,
        limits: StorageLimits,
        reactor: Any,
        wall: WallClock,
        fail: Callable[[str], None],
    ) -> None:
        """*fail* ends the daemon for the reason that it is called with."""
        self.durable: DurableData | None = None
        if settings.journal is None:
            self.data = MemoryData(reactor, wall, settings, limits)
        else:
            from gim.daemon.durable_data import DurableData  # of no use without a journal

            self.durable = DurableData(settings, settings.journal, limits, reactor, wall, fail)
            self.data = self.durable.data
        sweeper = Sweeper(self.data.sweep, reactor)
        self.services: tuple[Service, ...]
        if self.durable is None:
            self.services = sweeper, limits.send_rate
        else:
            sweeper.setServiceParent(self.durable)
            self.services = self.durable, limits.send_rate

    def store(self, listener: str = "") -> Storage:
        """Return a store for one listener: see `MemoryStore`."""
        store = MemoryStore(self.data, listener)
        return store if self.durable is None else self.durable.stored(store)

    def served(self, listener: str, channel: Answering) -> tuple[Storage, Answering]:
        """Return a store for the listener of a worker, and where what it answers and announces goes."""
        store = MemoryStore(self.data, listener)
        return (store, channel) if self.durable is None else self.durable.served(store, channel)
