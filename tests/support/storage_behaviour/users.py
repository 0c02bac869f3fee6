"""How any storage keeps users, and when it forgets them."""

from __future__ import annotations

from twisted.internet.task import Clock

from gim.errors import Forbidden, NotFound, TooManyConnections, TooManyRequests
from gim.model import Member, Role, User, UserState
from gim.storage.interface import Draft, Entry
from tests.support.settings import storage_limits
from tests.support.storage_behaviour.base import (
    AB,
    StorageCase,
    enter,
    join,
    messages_of,
    posted,
    private,
    send,
    user,
)


class UserBehaviour(StorageCase):
    """Names, being online, and the data set's own names."""

    async def test_a_user_is_made_with_a_name(self) -> None:
        store = await self.make_store()
        self.assertEqual(await store.users.put("ann", "Ann"), User("ann", "Ann"))
        self.assertEqual(await store.users.get("ann"), UserState("ann", "Ann", False))

    async def test_the_name_is_the_id_when_none_is_given(self) -> None:
        store = await self.make_store()
        for user_id, name in (("ann", None), ("bob", "")):
            self.assertEqual(await store.users.put(user_id, name), User(user_id, user_id))

    async def test_a_later_login_may_change_the_name(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", "Ann")
        self.assertEqual(await store.users.put("ann", None), User("ann", "Ann"))
        self.assertEqual(await store.users.put("ann", "Anna"), User("ann", "Anna"))
        self.assertEqual(await store.users.put("ann", ""), User("ann", "ann"))
        self.assertEqual((await store.users.get("ann")).name, "ann")

    async def test_an_id_that_never_logged_in_is_no_user(self) -> None:
        store = await self.make_store()
        await self.refusal(NotFound, store.users.get("bob"))
        await send(store, private("ann", "bob"))
        await self.refusal(NotFound, store.users.get("bob"))

    async def test_a_user_is_online_while_watched(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", None)
        await join(store, "room", "ann")
        await enter(store, "ann")
        self.assertTrue((await store.users.get("ann")).online)
        store.users.exit("ann")
        await self.settle()
        self.assertFalse((await store.users.get("ann")).online)

    async def test_a_user_is_online_until_their_last_connection_ends(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        for _ in range(3):
            await enter(store, "ann")
        online = []
        for _ in range(3):
            is_gone = store.users.exit("ann")
            await self.settle()
            online.append((is_gone, (await store.users.get("ann")).online))
        self.assertEqual(online, [(False, True), (False, True), (True, False)])

    async def test_what_a_connection_finds_that_logs_in(self) -> None:
        store = await self.make_store()
        await join(store, "room", "bob")
        await join(store, "den", "bob")
        await send(store, private("ann", "bob", "1"), private("ann", "bob", "2"))
        admitted: list[list[str]] = []
        found = await store.users.enter(Entry("bob", "Bob", limit=9), admitted.append)
        self.assertEqual((found.user, sorted(found.chatroom_ids)), (User("bob", "Bob"), ["den", "room"]))
        self.assertEqual([message.content for message in found.missed.messages], ["1", "2"])
        self.assertEqual((found.missed.titles, found.missed.complete), ({AB.id: "ann"}, True))
        self.assertEqual(admitted, [found.chatroom_ids])
        since = found.missed.messages[0].id
        found = await store.users.enter(Entry("bob", None, since, 9), admitted.append)
        self.assertEqual((found.user.name, len(found.missed.messages)), ("Bob", 1))

    async def test_a_connection_that_is_refused_is_not_counted(self) -> None:
        limits = storage_limits(Clock(), max_user_connections=1)
        store = await self.make_store(limits=limits)

        def refuse(chatroom_ids: list[str]) -> None:
            raise TooManyRequests("wait")

        await self.refusal(TooManyRequests, store.users.enter(Entry("ann"), refuse))
        await store.moderation.ban("ann", 60_000, 60_000)
        await self.refusal(Forbidden, enter(store, "ann"))
        await store.moderation.unban("ann")
        await enter(store, "ann")
        refusal = await self.refusal(TooManyConnections, enter(store, "ann"))
        self.assertIn("1 connections", str(refusal))
        self.assertTrue(store.users.exit("ann"))
        await self.settle()
        self.assertFalse((await store.users.get("ann")).online)
        await enter(store, "ann")

    async def test_to_unwatch_somebody_unknown_is_fine(self) -> None:
        store = await self.make_store()
        store.users.exit("ann")
        store.chatrooms.unsubscribe("room")
        await self.settle()
        await self.refusal(NotFound, store.users.get("ann"))

    async def test_a_message_bears_the_name_that_its_sender_has(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", "Ann")
        await enter(store, "ann")
        await send(store, private("ann", "bob"))
        await store.users.put("ann", "Anna")
        await send(store, private("ann", "bob"))
        self.assertEqual((await messages_of(store, AB))[-1].sender, User("ann", "Anna"))

    async def test_a_sender_who_was_forgotten_has_the_name_of_the_draft(self) -> None:
        store = await self.make_store()
        await send(store, Draft(AB, User("ann", "Ann"), "hi"))
        self.assertEqual((await messages_of(store, AB))[0].sender, User("ann", "Ann"))
        self.assertEqual((await store.users.get("ann")).name, "Ann")

    async def test_the_data_set_keeps_its_epoch_and_its_key(self) -> None:
        store = await self.make_store()
        epoch, key = await store.epoch(), store.token_key()
        await store.ping()
        await self.advance(86400)
        self.assertEqual((await store.epoch(), store.token_key()), (epoch, key))
        self.assertNotEqual(epoch, "")
        self.assertEqual((type(key), len(key)), (bytes, 32))


class ForgettingBehaviour(StorageCase):
    """A user stays known for as long as anything refers to them."""

    async def test_a_user_is_forgotten_when_nothing_refers_to_them(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", "Ann")
        await enter(store, "ann")
        store.users.exit("ann")
        await self.let_be_forgotten()
        await self.refusal(NotFound, store.users.get("ann"))
        self.assertEqual(await store.users.put("ann", None), User("ann", "ann"))

    async def test_a_member_is_not_forgotten_before_leaving(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", "Ann")
        await enter(store, "ann")
        await join(store, "one", "ann")
        await join(store, "two", "ann")
        store.users.exit("ann")
        await store.chatrooms.leave("one", "ann")
        await self.let_be_forgotten()
        self.assertEqual((await store.users.get("ann")).name, "Ann")
        await store.chatrooms.leave("two", "ann")
        await self.let_be_forgotten()
        await self.refusal(NotFound, store.users.get("ann"))

    async def test_who_wrote_in_a_chatroom_is_not_forgotten_while_the_message_is_kept(self) -> None:
        store = await self.make_store(max_session_messages=1)
        await join(store, "room", "ann", "bob")
        await send(store, posted("room", "ann"))
        await store.chatrooms.leave("room", "ann")
        self.assertEqual((await store.users.get("ann")).id, "ann")
        await send(store, posted("room", "bob"))
        await self.let_be_forgotten()
        await self.refusal(NotFound, store.users.get("ann"))

    async def test_a_user_that_nothing_refers_to_is_kept_a_day_longer_than_any_message(self) -> None:
        store = await self.make_store(ttl=600)
        names = {"ann": "Ann", "bob": "Bob", "cat": "Cat"}
        for user_id, name in names.items():
            await store.users.put(user_id, name)  # ann only logs in over HTTP
        await enter(store, "bob")
        store.users.exit("bob")
        await join(store, "room", "cat")
        await store.chatrooms.leave("room", "cat")
        await self.settle()
        await self.advance(86_400 + 500)
        for user_id, name in names.items():
            self.assertEqual(await store.users.get(user_id), UserState(user_id, name, False))
        await self.let_be_forgotten()
        for user_id in names:
            await self.refusal(NotFound, store.users.get(user_id))

    async def test_a_user_is_kept_a_day_longer_than_their_last_message(self) -> None:
        store = await self.make_store(ttl=600)
        for user_id in ("ann", "bob"):
            await store.users.put(user_id, "Name")
        await self.advance(7200)
        await send(store, private("ann", "bob"))
        await self.advance(86_400 + 500)
        for user_id in ("ann", "bob"):
            self.assertEqual((await store.users.get(user_id)).name, "Name")

    async def test_a_forgotten_user_can_join_and_send_with_what_a_token_says(self) -> None:
        store = await self.make_store()
        await store.chatrooms.join("room", User("ann", "Ann"), "")
        items, _, _ = await store.chatrooms.members("room", "ann", "", 10)
        self.assertEqual(items, [Member("ann", "Ann", False, Role.OWNER)])
        self.assertEqual((await send(store, posted("room", user("ann").id)))[0].session_id, "1:room")
