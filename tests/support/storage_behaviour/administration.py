"""What any storage does for the administrator of the server."""

from __future__ import annotations

from msgspec.structs import replace

from gim.errors import Forbidden, NotFound
from gim.ids import SYSTEM
from gim.model import Ban, ConnectionState, Event, NodeCounts
from gim.storage.announcements import Broadcast, ConnectionAction, ConnectionCommand
from tests.support.storage_behaviour.base import (
    ROOM,
    StorageCase,
    contents_of,
    enter,
    join,
    line_of,
    messages_of,
    posted,
    private,
    send,
    unread_of,
)

MINUTE, DAY = 60_000, 86_400_000


class BanBehaviour(StorageCase):
    """Users who may not log in for a time."""

    async def test_who_is_banned_is_refused_until_the_time_is_over(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", "Ann")
        until = await store.moderation.ban("ann", MINUTE, DAY)
        for asking in (store.users.put("ann", None), enter(store, "ann")):
            refusal = await self.refusal(Forbidden, asking)
            self.assertRegex(str(refusal), r"banned for (60|5\d) s")
        ban = await store.moderation.ban_of("ann")
        self.assertEqual((ban.until, ban.until - ban.since), (until, MINUTE))
        await store.users.put("bob", None)
        await self.advance(61)
        await store.users.put("ann", None)
        await enter(store, "ann")
        self.assertEqual(await store.moderation.ban_of("ann"), Ban(ban.since, 0))

    async def test_a_ban_can_be_ended_and_stays_remembered(self) -> None:
        store = await self.make_store()
        await store.moderation.ban("ann", MINUTE, DAY)
        since = (await store.moderation.ban_of("ann")).since
        await store.moderation.unban("ann")
        await store.moderation.unban("bob")
        await store.users.put("ann", None)
        self.assertEqual(await store.moderation.ban_of("ann"), Ban(since, 0))
        await self.advance(DAY / 1000 + 1)
        self.assertEqual((await store.moderation.ban_of("ann")).until, 0)
        self.assertEqual(await store.moderation.ban_of("bob"), Ban(0, 0))

    async def test_the_last_ban_counts(self) -> None:
        store = await self.make_store()
        await store.moderation.ban("ann", 10 * MINUTE, 0)
        until = await store.moderation.ban("ann", MINUTE, 0)
        self.assertEqual((await store.moderation.ban_of("ann")).until, until)
        await self.advance(61)
        await store.users.put("ann", None)

    async def test_who_is_banned_is_no_user_by_that(self) -> None:
        store = await self.make_store()
        await store.moderation.ban("ann", MINUTE, DAY)
        await self.refusal(NotFound, store.users.get("ann"))


class OrderBehaviour(StorageCase):
    """Orders about connections."""

    async def test_an_order_is_announced_where_its_user_is_watched_and_answered(self) -> None:
        store = await self.make_store()
        self.listener.connections = [ConnectionState("c1", store.node, "127.0.0.1:5", 7)]
        self.assertEqual(
            await store.nodes.command_connections(ConnectionCommand("ann", ConnectionAction.LIST)), []
        )
        await enter(store, "ann")
        for action, key in ((ConnectionAction.LIST, ""), (ConnectionAction.CLOSE, "c1")):
            found = await store.nodes.command_connections(ConnectionCommand("ann", action, key))
            self.assertEqual(found, self.listener.connections)
        orders = [replace(news, ask="") for news in self.news if isinstance(news, ConnectionCommand)]
        self.assertEqual(
            orders,
            [
                ConnectionCommand("ann", ConnectionAction.LIST),
                ConnectionCommand("ann", ConnectionAction.CLOSE, "c1"),
            ],
        )

    async def test_an_order_about_somebody_without_connections_is_answered_too(self) -> None:
        store = await self.make_store()
        await enter(store, "ann")
        self.assertEqual(
            await store.nodes.command_connections(ConnectionCommand("ann", ConnectionAction.LIST)), []
        )


class BroadcastBehaviour(StorageCase):
    """Events for everybody."""

    async def test_a_broadcast_is_announced_once(self) -> None:
        store = await self.make_store()
        events = [Event("broadcast", SYSTEM, content=content) for content in "ab"]
        for event in events:
            await store.nodes.broadcast(event)
        for _ in range(2):
            await self.settle()
        self.assertEqual(self.news, [Broadcast(event) for event in events])

    async def test_the_counts_are_those_of_the_listener_and_the_messages_stored(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        for user_id in ("ann", "ann", "bob"):  # as the listener counts
            await enter(store, user_id)
        await send(store, private("ann", "bob"), posted("room", "ann"))
        await self.settle()
        (counts,) = await store.nodes.statistics()
        expected = NodeCounts(connections=3, users=2, chatrooms=1, messages=2, node=store.node)
        self.assertEqual(counts, expected)


class ExemptBehaviour(StorageCase):
    """Messages that the administrator sends."""

    async def test_a_chatroom_takes_them_from_anybody(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await store.moderation.mute("room", "ann", "bob", MINUTE)
        await send(
            store, *(replace(posted("room", who, who), as_admin=True) for who in ("bob", "cat", SYSTEM))
        )
        self.assertEqual(await contents_of(store, ROOM), ["bob", "cat", SYSTEM])
        self.assertEqual(await unread_of(store, "ann", ROOM), 3)
        self.assertEqual(await unread_of(store, "bob", ROOM), 2)  # one's own counts as read
        await join(store, "room", "cat")
        self.assertEqual((await line_of(store, "cat", ROOM)).unread, 0)
        draft = replace(posted("none", SYSTEM), as_admin=True)
        await self.refusal(NotFound, store.messages.append(draft))

    async def test_the_system_writes_to_a_user(self) -> None:
        store = await self.make_store()
        draft = private(SYSTEM, "ann", "hello")
        await enter(store, "ann")
        await send(store, draft)
        (message,) = await messages_of(store, draft.session, "ann")
        self.assertEqual((message.sender.id, message.session_id), (".", "2:.:ann"))
        await self.settle()
        self.assertEqual([news.message for news in self.news], [message])
        self.assertEqual((await line_of(store, "ann", draft.session)).title, SYSTEM)
