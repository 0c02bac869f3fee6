"""Live figures of several nodes: what is added, and what is said of a node that does not answer."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.daemon.build_inspection import make_sampler
from gim.inspection.figures import Figures
from gim.inspection.live import LiveFigures
from gim.inspection.node_talk import NodeTalk
from gim.inspection.readings import Readings
from gim.limits.limits import LimitHits
from gim.limits.overload import Overload
from gim.storage.announcements import Announcement, NodeMessage
from gim.storage.memory.store import MemoryStore
from tests.support.clocks import SettableWallClock
from tests.support.settings import memory_store
from tests.support.storage_behaviour.base import RecordingListener

T = TypeVar("T")


class _Node(RecordingListener):
    """A node that has as many connections as a test says."""

    def __init__(self, store: MemoryStore, clock: Clock, wall: SettableWallClock) -> None:
        super().__init__(store)
        self.open = 0
        self.hits = LimitHits(is_enforced=True)
        self.is_deaf = False
        overload = Overload(clock, 0, 0)
        amounts = {"connections": lambda: self.open}
        readings = Readings(amounts, {}, self.hits, overload, None, None)
        self.sampler = make_sampler(readings, store.listener, 0, "redis", clock, wall)
        self.talk = NodeTalk(store.nodes, store.listener, clock)
        Figures(self.sampler, None).serve(self.talk)

    def on_announcement(self, news: Announcement) -> None:
        if isinstance(news, NodeMessage) and not self.is_deaf:
            self.talk.receive(news.sender, news.body)


class NodesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.wall = SettableWallClock(self.clock.seconds)
        self.data = memory_store(self.clock, self.wall).data
        self.a, self.b, self.c = self.nodes = [self.add(name) for name in "abc"]
        self.live = LiveFigures(self.a.talk, False, self.clock, self.wall)

    def add(self, name: str) -> _Node:
        store = MemoryStore(self.data, name)
        node = _Node(store, self.clock, self.wall)
        self.successResultOf(Deferred.fromCoroutine(store.start(node)))
        node.sampler.startService()
        self.addCleanup(node.sampler.stopService)
        return node

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        found = Deferred.fromCoroutine(work)
        self.clock.pump([0] * 10)
        return self.successResultOf(found)

    def test_the_newest_samples_are_added(self) -> None:
        self.a.open, self.b.open = 1, 2
        self.b.hits.hit("max-send-rate")
        self.clock.advance(1)
        newest = self.result(self.live.newest())
        self.assertEqual(newest.total.connections, 3)
        self.assertEqual(
            [(each.node, each.connections) for each in newest.nodes], [("a", 1), ("b", 2), ("c", 0)]
        )
        self.assertEqual([(each.code, each.node) for each in newest.warnings], [("limit", "b")])

    def test_so_are_those_of_the_last_hour(self) -> None:
        for second in range(1, 26):
            self.a.open, self.b.open = second, 100
            self.clock.advance(1)
        history = self.result(self.live.history())
        self.assertEqual([each.connections for each in history.second], list(range(101, 126)))
        self.assertEqual([each.connections for each in history.ten_seconds], [110, 120])

    def test_a_node_that_does_not_answer_is_named(self) -> None:
        self.b.open, self.c.open = 1, 5
        self.c.is_deaf = True
        self.clock.advance(1)
        asked = Deferred.fromCoroutine(self.live.newest())
        self.assertNoResult(asked)
        self.clock.advance(0.8)
        newest = self.successResultOf(asked)
        self.assertEqual([each.node for each in newest.nodes], ["a", "b"])
        self.assertEqual(newest.total.connections, 1)
        self.assertEqual([(each.code, each.node) for each in newest.warnings], [("no_answer", "c")])
