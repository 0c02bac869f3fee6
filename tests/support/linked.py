"""Stores of workers on the data of one parent process, connected in memory."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.msgpack import decode
from twisted.internet.task import Clock

from gim.concurrency.clocks import WallClock
from gim.link.answering import Answering
from gim.link.channel import Channel
from gim.link.frames import FrameCutter
from gim.storage.linked.calls import TO_STORE, TO_WORKER
from gim.storage.linked.news import EncodedNews
from gim.storage.linked.server import StoreServer
from gim.storage.linked.store import LinkedStore
from gim.storage.memory.data import MemoryData
from gim.storage.memory.store import MemoryStore
from gim.storage.node_names import listener_of
from tests.support.channels import EagerClock, MemoryEnd, connect


class LinkedStores:
    """The parent's data, and what serves it to each worker, the first one at index 0."""

    def __init__(
        self,
        data: MemoryData,
        wall: WallClock,
        clock: Clock | None = None,
        outlet: Callable[[Channel], Answering] = lambda channel: channel,
    ) -> None:
        """Without a *clock*, answers come before the call that asks returns. *outlet* returns where the
        parent's side of a channel goes out, the channel itself if left out."""
        self.data = data
        self.clock = clock or EagerClock()
        self.servers: list[StoreServer] = []
        self.parent_ends: list[MemoryEnd] = []
        self.worker_ends: list[MemoryEnd] = []
        self._wall = wall
        self._outlet = outlet
        self._news = EncodedNews()

    def add(self) -> LinkedStore:
        """Return the store of one more worker."""
        parent = Channel(TO_STORE, self.clock, on_end=lambda why: None)
        worker = Channel(TO_WORKER, self.clock, on_end=lambda why: None)
        data = self.data
        listener = listener_of(data.node, len(self.servers) + 1)
        store_view, outlet = MemoryStore(data, listener), self._outlet(parent)
        server = StoreServer(store_view, outlet, self._news, self.clock)
        self.servers.append(server)
        for ends, end in zip((self.parent_ends, self.worker_ends), connect(parent, worker), strict=True):
            ends.append(end)
        store = LinkedStore(
            worker, self.clock, self._wall, node=data.node, listener=listener, token_key=data.token_key
        )
        run(server.start())
        return store

    def count_messages(self, worker: int) -> tuple[int, int]:
        """Return how many messages have gone from a worker to the parent, and back."""
        ends = self.worker_ends[worker], self.parent_ends[worker]
        frames = [FrameCutter().cut(b"".join(end.writes)) for end in ends]
        to_parent, to_worker = (sum(len(decode(frame)) for frame in sent) for sent in frames)
        return to_parent, to_worker


def run(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that does not wait."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")
