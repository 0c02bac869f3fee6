"""A memory store on a clock moved by hand, and a look into what it holds."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from gim.storage.memory.store import MemoryStore
from gim.storage.rules import USERS_OUTLIVE_MESSAGES
from tests.support.clocks import SettableWallClock
from tests.support.settings import memory_store

START = 1_800_000_000.0  # a Unix time to begin with


class MemoryCase(TestCase):
    """A store of this process and a clock moved by hand."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.wall = SettableWallClock(self.clock.seconds)

    def make_store(self, **limits: Any) -> MemoryStore:
        return memory_store(self.clock, self.wall, **limits)

    def sweep_all(self, store: MemoryStore) -> None:
        while store.data.sweep(10):
            pass

    def forget_users(self, store: MemoryStore) -> None:
        """Let the time go by after which users are forgotten that nothing refers to."""
        self.sweep_all(store)
        self.clock.advance(store.data.archive._ttl_ms / 1000 + USERS_OUTLIVE_MESSAGES)
        self.sweep_all(store)

    def assertKept(self, store: MemoryStore, **expected: int) -> None:
        sizes = store.data.sizes()
        self.assertEqual({kind: sizes[kind] for kind in expected}, expected)

    def assertEmpty(self, store: MemoryStore) -> None:
        self.assertEqual(set(store.data.sizes().values()), {0}, store.data.sizes())
        self.assertEqual(containers_with_entries(store), [])


def containers_with_entries(owner: Any) -> list[str]:
    """Return the attributes of gim's objects below *owner* that hold anything.

    `MemoryStore.sizes` cannot tell of an index that it does not know of: this finds every one.
    """
    found, waiting = [], [("store", owner)]
    seen = set()
    while waiting:
        path, thing = waiting.pop()
        if isinstance(thing, dict | list | set) and thing:
            found.append(path)
        elif type(thing).__module__.startswith("gim.") and id(thing) not in seen:
            seen.add(id(thing))
            waiting += [
                (f"{type(thing).__name__}.{name}", value) for name, value in attributes_of(thing).items()
            ]
    return found


def attributes_of(thing: Any) -> dict[str, Any]:
    slots = {name: getattr(thing, name) for name in getattr(type(thing), "__slots__", ())}
    return slots | getattr(thing, "__dict__", {})
