"""How the listeners of any storage send messages to each other."""

from __future__ import annotations

from gim.storage.announcements import NodeMessage
from gim.storage.interface import MAX_NODE_MESSAGE
from tests.support.storage_behaviour.base import StorageCase


class NodeMessageBehaviour(StorageCase):
    """Messages to one listener, or to all."""

    async def test_a_message_to_all_comes_here_too_once_and_in_order(self) -> None:
        store = await self.make_store()
        bodies = [b"", bytes(range(256)), b"x" * MAX_NODE_MESSAGE]
        for body in bodies:
            store.nodes.tell("", body)
        for _ in range(2):
            await self.settle()
        self.assertEqual(self.news, [NodeMessage(store.listener, body) for body in bodies])

    async def test_a_message_goes_to_the_listener_that_is_named_and_no_other(self) -> None:
        store = await self.make_store()
        store.nodes.tell("another", b"to another")
        store.nodes.tell(store.listener, b"to this one")
        await self.settle()
        self.assertEqual(self.news, [NodeMessage(store.listener, b"to this one")])

    async def test_the_listeners_that_run_are_known(self) -> None:
        store = await self.make_store()
        self.assertIn(store.listener, await store.nodes.listeners())

    async def test_without_a_listener_messages_are_lost_and_nothing_fails(self) -> None:
        store = await self.make_store()
        await store.stop()
        for listener in ("", store.listener):
            store.nodes.tell(listener, b"too late")
        self.assertEqual(self.news, [])
