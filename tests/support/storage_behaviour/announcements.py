"""What any storage announces, and what it does not."""

from __future__ import annotations

from typing import Any

from gim.errors import Forbidden
from gim.storage.announcements import MemberJoined, MemberLeft, MessageStored
from tests.support.storage_behaviour.base import (
    AB,
    ROOM,
    StorageCase,
    enter,
    join,
    messages_of,
    posted,
    private,
    send,
    user,
)


class NewsBehaviour(StorageCase):
    """Only of watched users and chatrooms, once each, in the order of storing."""

    async def heard(self) -> list[Any]:
        """Return what was announced since the last time."""
        await self.settle()
        heard = list(self.news)
        self.news.clear()
        return heard

    async def test_without_a_watch_nothing_is_announced(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await send(store, private("ann", "bob"), posted("room", "ann"))
        await store.chatrooms.leave("room", "ann")
        self.assertEqual(await self.heard(), [])

    async def test_a_private_message_is_announced_if_either_person_is_watched(self) -> None:
        for watched in ("ann", "bob"):
            store = await self.make_store()
            await enter(store, watched)
            await send(store, private("ann", "bob", watched))
            self.assertEqual([news.message.content for news in await self.heard()], [watched])

    async def test_a_private_message_is_announced_once_to_each_of_the_two_people(self) -> None:
        store = await self.make_store()
        for user_id in ("ann", "bob", "bob", "cat"):
            await enter(store, user_id)
        await send(store, private("ann", "bob"))
        self.assertEqual(sorted(news.reader for news in await self.heard()), ["ann", "bob"])

    async def test_the_announcement_of_a_private_message_bears_the_name_of_the_other(self) -> None:
        store = await self.make_store()
        await store.users.put("bob", "Bob")
        for user_id in ("ann", "bob"):
            await enter(store, user_id)
        await send(store, private("ann", "bob", origin="c1"))
        (message,) = await messages_of(store, AB)
        expected = [
            MessageStored(message, AB, "ann", "c1", "bob"),
            MessageStored(message, AB, "Bob", "c1", "ann"),
        ]
        self.assertEqual(await self.heard(), expected)

    async def test_the_announcement_of_a_chatroom_message_bears_the_name_of_the_chatroom(self) -> None:
        store = await self.make_store()
        await store.chatrooms.join("room", user("ann"), "The Room")
        await store.chatrooms.subscribe("room")
        await send(store, posted("room", "ann"))
        (message,) = await messages_of(store, ROOM)
        self.assertEqual(await self.heard(), [MessageStored(message, ROOM, "The Room", "", "")])

    async def test_a_chatroom_message_is_announced_only_if_the_chatroom_is_subscribed_to(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await join(store, "other", "ann")
        await store.chatrooms.subscribe("other")
        await send(store, posted("room", "ann"))
        self.assertEqual(await self.heard(), [])

    async def test_who_enters_gets_what_happens_in_their_chatrooms(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await join(store, "other", "bob")
        await enter(store, "ann")
        await send(store, posted("room", "bob"), posted("other", "bob"))
        self.assertEqual([news.session for news in await self.heard()], [ROOM])

    async def test_who_joins_while_connected_gets_what_happens_in_the_chatroom(self) -> None:
        store = await self.make_store()
        await enter(store, "ann")
        await join(store, "room", "bob", "ann")
        await send(store, posted("room", "bob"))
        _joined, stored = await self.heard()
        self.assertEqual((stored.session, stored.message.sender.id), (ROOM, "bob"))

    async def test_a_watch_that_was_repeated_announces_once(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        for _ in range(2):
            await enter(store, "ann")
            await store.chatrooms.subscribe("room")
        await send(store, private("ann", "bob"), posted("room", "ann"))
        self.assertEqual(len(await self.heard()), 2)

    async def test_announcements_come_in_the_order_of_storing(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await enter(store, "ann")
        await store.chatrooms.subscribe("room")
        await send(store, *[private("ann", "bob"), posted("room", "ann"), private("cat", "ann")] * 3)
        ids = [news.message.id for news in await self.heard()]
        self.assertEqual((len(ids), ids), (9, sorted(ids)))

    async def test_coming_and_going_of_a_watched_user_is_announced(self) -> None:
        store = await self.make_store()
        await enter(store, "ann")
        for _ in range(2):  # only what changes something is news
            await join(store, "room", "ann", "bob")
        self.assertEqual(await self.heard(), [MemberJoined("ann", "room")])
        store.chatrooms.unsubscribe("room")
        for _ in range(2):
            await store.chatrooms.leave("room", "ann")
        await store.chatrooms.leave("room", "bob")
        self.assertEqual(await self.heard(), [MemberLeft("ann", "room")])

    async def test_coming_and_going_of_others_is_not_announced_to_a_watched_chatroom(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await store.chatrooms.subscribe("room")
        await join(store, "room", "bob")
        await store.chatrooms.leave("room", "bob")
        self.assertEqual(await self.heard(), [])

    async def test_after_the_watch_nothing_is_announced(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await enter(store, "ann")
        await store.chatrooms.subscribe("room")
        store.users.exit("ann")
        store.chatrooms.unsubscribe("room")
        await self.settle()
        await send(store, private("ann", "bob"), posted("room", "ann"))
        await store.chatrooms.leave("room", "ann")
        self.assertEqual(await self.heard(), [])

    async def test_a_watch_begins_again(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        for _ in range(2):
            await store.chatrooms.subscribe("room")
            store.chatrooms.unsubscribe("room")
        await store.chatrooms.subscribe("room")
        await self.settle()
        await send(store, posted("room", "ann"))
        self.assertEqual(len(await self.heard()), 1)

    async def test_what_was_refused_is_not_announced(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await enter(store, "bob")
        await store.chatrooms.subscribe("room")
        await self.refusal(Forbidden, store.messages.append(posted("room", "bob")))
        self.assertEqual(await self.heard(), [])
