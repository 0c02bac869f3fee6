"""The store of the parent process over links: the behaviour of every storage, with two listeners."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from gim.storage.interface import Storage
from gim.storage.linked.store import LinkedStore
from tests.support.clocks import DAY, SettableWallClock
from tests.support.linked import LinkedStores
from tests.support.settings import memory_store
from tests.support.storage_behaviour.base import RecordingListener
from tests.support.storage_behaviour.memory import START
from tests.support.storage_behaviour.suite import StorageBehaviour
from tests.support.storage_behaviour.total import TotalBehaviour


class LinkedBehaviourTests(StorageBehaviour, TotalBehaviour, TestCase):
    """A worker's store, beside another worker that has nothing to do with it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.wall = SettableWallClock(self.clock.seconds)

    async def make_store(self, **limits: Any) -> LinkedStore:
        self.stores = LinkedStores(memory_store(self.clock, self.wall, **limits).data, self.wall)
        store, other = self.stores.add(), self.stores.add()
        self.listener = RecordingListener(store)
        self.news = self.listener.news
        await store.start(self.listener)
        await other.start(RecordingListener(other))
        return store

    async def advance(self, seconds: float) -> None:
        if seconds < 0:  # only the wall clock goes back
            self.wall.step(seconds)
        else:
            self.clock.advance(seconds)

    async def let_be_forgotten(self) -> None:
        await self.advance(31 * DAY)  # a message may be kept for 30 days, a user for one more
        while self.stores.data.sweep(10):
            pass

    async def lose_data(self, store: Storage) -> Storage:
        await store.stop()
        return await self.make_store()
