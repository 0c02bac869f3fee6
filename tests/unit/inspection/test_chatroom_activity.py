"""How much happens in chatrooms, at two nodes that share a storage."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.inspection import chatroom_activity
from gim.inspection.chatroom_activity import Activity, ChatroomActivity
from gim.inspection.node_talk import NodeTalk
from gim.push.dispatcher import PushDispatcher
from gim.storage.memory.store import MemoryStore
from tests.support.settings import memory_store


class Pusher:
    """A chatroom as a node pushes it."""

    def __init__(self, chatroom_id: str, connections: int, messages_per_second: float) -> None:
        self.id = chatroom_id
        self.connections = connections
        self.messages_per_second = messages_per_second


class Pushes:
    """The chatrooms of a node."""

    def __init__(self) -> None:
        self.all: dict[str, Pusher] = {}

    def pushers(self) -> list[Pusher]:
        return list(self.all.values())

    def pusher_of(self, chatroom_id: str) -> Pusher | None:
        return self.all.get(chatroom_id)

    def add(self, chatroom_id: str, connections: int, messages_per_second: float = 0.0) -> None:
        self.all[chatroom_id] = Pusher(chatroom_id, connections, messages_per_second)


class Node:
    """A listener of a storage, with what it answers."""

    def __init__(self, store: MemoryStore, clock: Clock) -> None:
        self.talk = NodeTalk(store.nodes, store.listener, clock)
        self.pushes = Pushes()
        self.activity = ChatroomActivity(self.talk, cast(PushDispatcher, self.pushes), clock)

    def on_announcement(self, news: Any) -> None:
        self.talk.receive(news.sender, news.body)

    def counts(self) -> Any:
        raise NotImplementedError


class ChatroomActivityTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        first = memory_store(self.clock)
        second = MemoryStore(first.data, "second")
        self.here, self.there = Node(first, self.clock), Node(second, self.clock)
        for node, store in (self.here, first), (self.there, second):
            self.successResultOf(Deferred.fromCoroutine(store.start(node)))
            self.addCleanup(lambda store: Deferred.fromCoroutine(store.stop()), store)

    def result(self, work: Any) -> Any:
        asked = Deferred.fromCoroutine(work)
        self.clock.pump([0.0] * 20)
        return self.successResultOf(asked)

    def test_connections_add_up_and_a_message_counts_once(self) -> None:
        self.here.pushes.add("den", 3, 5.0)
        self.there.pushes.add("den", 4, 4.9)
        self.there.pushes.add("hall", 1)
        found = self.result(self.here.activity.of(["den", "hall", "attic"]))
        self.assertEqual(
            found,
            {
                "den": Activity("den", 7, 5.0),
                "hall": Activity("hall", 1, 0.0),
                "attic": Activity("attic", 0, 0.0),
            },
        )

    def test_the_busiest_of_all_nodes_come_first(self) -> None:
        self.here.pushes.add("a", 5, 1.0)
        self.here.pushes.add("b", 4)
        self.there.pushes.add("b", 4)
        self.there.pushes.add("c", 1, 9.0)
        self.there.pushes.add("d", 1)
        ask = self.here.activity.busiest
        self.assertEqual([found.id for found in self.result(ask("connections", 3))], ["b", "a", "c"])
        self.assertEqual([found.id for found in self.result(ask("messages", 2))], ["c", "a"])
        self.assertEqual(self.result(ask("connections", 1)), [Activity("b", 8, 0.0)])
        self.assertEqual(self.result(ask("connections", 9, "c")), [Activity("c", 1, 9.0)])

    def test_a_node_that_is_silent_does_not_let_the_request_end_without_an_answer(self) -> None:
        self.here.pushes.add("den", 3)
        self.patch(self.there.talk, "receive", lambda sender, body: None)
        busiest = Deferred.fromCoroutine(self.here.activity.busiest("connections", 9))
        self.clock.pump([0.1] * int(10 * ANSWER_TIMEOUT))
        self.assertEqual(self.successResultOf(busiest), [Activity("den", 3, 0.0)])

    def test_many_are_counted_in_slices(self) -> None:
        self.patch(chatroom_activity, "CHATROOMS_PER_SLICE", 10)
        self.patch(chatroom_activity, "CHATROOMS_PER_QUESTION", 7)
        for number in range(95):
            self.here.pushes.add(f"room-{number}", number)
        busiest = Deferred.fromCoroutine(self.here.activity.busiest("connections", 20))
        self.assertNoResult(busiest)
        self.clock.pump([0.0] * 20)
        found = self.successResultOf(busiest)
        self.assertEqual([activity.connections for activity in found], list(range(94, 74, -1)))
