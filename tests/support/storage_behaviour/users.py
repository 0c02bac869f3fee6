"""How any storage keeps users, and when it forgets them."""

from __future__ import annotations

from gim.errors import NotFound
from gim.model import Member, Role, User, UserState
from gim.storage.interface import Draft
from tests.support.storage_behaviour.base import (
    AB,
    StorageCase,
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
        await store.users.subscribe("ann")
        self.assertTrue((await store.users.get("ann")).online)
        store.users.unsubscribe("ann")
        await self.settle()
        self.assertFalse((await store.users.get("ann")).online)

    async def test_one_unwatch_ends_a_watch_that_was_repeated(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", None)
        await join(store, "room", "ann")
        for _ in range(2):
            await store.users.subscribe("ann")
        store.users.unsubscribe("ann")
        await self.settle()
        self.assertFalse((await store.users.get("ann")).online)

    async def test_to_unwatch_somebody_unknown_is_fine(self) -> None:
        store = await self.make_store()
        store.users.unsubscribe("ann")
        store.chatrooms.unsubscribe("room")
        await self.settle()
        await self.refusal(NotFound, store.users.get("ann"))

    async def test_a_message_bears_the_name_that_its_sender_has(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", "Ann")
        await store.users.subscribe("ann")
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
        epoch, key = await store.epoch(), await store.token_key()
        await store.ping()
        await self.advance(86400)
        self.assertEqual((await store.epoch(), await store.token_key()), (epoch, key))
        self.assertNotEqual(epoch, "")
        self.assertEqual((type(key), len(key)), (bytes, 32))


class ForgettingBehaviour(StorageCase):
    """A user stays known for as long as anything refers to them."""

    async def test_a_user_is_forgotten_when_nothing_refers_to_them(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", "Ann")
        await store.users.subscribe("ann")
        store.users.unsubscribe("ann")
        await self.let_be_forgotten()
        await self.refusal(NotFound, store.users.get("ann"))
        self.assertEqual(await store.users.put("ann", None), User("ann", "ann"))

    async def test_a_member_is_not_forgotten_before_leaving(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", "Ann")
        await store.users.subscribe("ann")
        await join(store, "one", "ann")
        await join(store, "two", "ann")
        store.users.unsubscribe("ann")
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
        await store.users.subscribe("bob")
        store.users.unsubscribe("bob")
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
