"""Stores of workers on the data of one parent process, connected in memory."""

from __future__ import annotations

from gim.concurrency.clocks import WallClock
from gim.link.channel import Channel
from gim.storage.linked.calls import TO_STORE, TO_WORKER
from gim.storage.linked.frames import NewsFrames
from gim.storage.linked.server import StoreServer
from gim.storage.linked.store import LinkedStore
from gim.storage.memory.data import MemoryData
from gim.storage.memory.store import MemoryStore
from tests.support.channels import EagerClock, MemoryEnd, connect


class LinkedStores:
    """The parent's data, and what serves it to each worker."""

    def __init__(self, data: MemoryData, wall: WallClock) -> None:
        self.data = data
        self.clock = EagerClock()
        self.servers: list[StoreServer] = []
        self.parent_ends: list[MemoryEnd] = []
        self.ends: list[str] = []  # why channels have ended
        self._wall = wall
        self._frames = NewsFrames()

    def add(self) -> LinkedStore:
        """Return the store of one more worker."""
        parent = Channel(TO_STORE, self.clock, on_end=self.ends.append)
        worker = Channel(TO_WORKER, self.clock, on_end=self.ends.append)
        server = StoreServer(MemoryStore(self.data), parent, self._frames, self.clock)
        self.servers.append(server)
        self.parent_ends.append(connect(parent, worker)[0])
        starting = server.start()
        try:
            starting.send(None)
        except StopIteration:
            pass
        data = self.data
        return LinkedStore(
            worker,
            self.clock,
            self._wall,
            node=data.node,
            epoch=data.epoch,
            token_key=data.token_key,
        )
