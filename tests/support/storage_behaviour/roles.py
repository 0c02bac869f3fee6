"""What any storage lets the roles in a chatroom do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gim.errors import Conflict, Forbidden, NotFound
from gim.ids import SYSTEM
from gim.model import Event, Role
from gim.storage.announcements import MemberLeft, SessionEvent
from gim.storage.interface import Storage
from gim.storage.rules import RECALL_WITHIN_MS
from tests.support.storage_behaviour.base import (
    AB,
    FUTURE,
    ROOM,
    StorageCase,
    contents_of,
    enter,
    join,
    line_of,
    listed,
    messages_of,
    posted,
    private,
    send,
    user,
)

ACTIONS: dict[str, Callable[[Storage, str], Awaitable[Any]]] = {
    "rename": lambda store, by: store.moderation.rename("room", by, "New"),
    "dismiss": lambda store, by: store.moderation.dismiss("room", by),
    "remove": lambda store, by: store.moderation.remove("room", by, "cat"),
    "mute": lambda store, by: store.moderation.mute("room", by, "cat", 1000),
    "appoint": lambda store, by: store.moderation.appoint("room", by, "cat", Role.ADMIN),
}


class RolesCase(StorageCase):
    async def room(self, **limits: Any) -> Storage:
        """Return a store with a chatroom of ann, the owner, bob, an administrator, cat and dan."""
        store = await self.make_store(**limits)
        await join(store, "room", "ann", "bob", "cat", "dan")
        await store.moderation.appoint("room", "ann", "bob", Role.ADMIN)
        return store

    async def roles(self, store: Storage, reader: str = "cat") -> dict[str, str]:
        items, _, _ = await store.chatrooms.members("room", reader, "", 100)
        return {item.id: item.role for item in items if item.role != Role.MEMBER}

    async def events(self, *watched: str) -> list[Event]:
        await self.settle()
        return [news.event for news in self.news if isinstance(news, SessionEvent)]


class RoleBehaviour(RolesCase):
    """Who owns a chatroom, and what owner and administrators may do."""

    async def test_who_makes_a_chatroom_owns_it(self) -> None:
        store = await self.make_store()
        await join(store, "room", "cat", "ann")
        self.assertEqual(await self.roles(store), {"cat": Role.OWNER})

    async def test_without_a_chatroom_or_a_role_nothing_is_done(self) -> None:
        store = await self.make_store()
        for by in ("ann", SYSTEM):
            for act in ACTIONS.values():
                await self.refusal(NotFound, act(store, by))
        store = await self.room()
        for by in ("dan", "eve", "cat"):
            for act in ACTIONS.values():
                await self.refusal(Forbidden, act(store, by))
        self.assertEqual(await self.roles(store), {"ann": Role.OWNER, "bob": Role.ADMIN})

    async def test_an_administrator_acts_on_plain_members_only_and_appoints_nobody(self) -> None:
        store = await self.room()
        for user_id in ("ann", "bob"):
            await self.refusal(Forbidden, store.moderation.remove("room", "bob", user_id))
            await self.refusal(Forbidden, store.moderation.mute("room", "bob", user_id, 1000))
        await self.refusal(Forbidden, store.moderation.appoint("room", "bob", "cat", Role.ADMIN))
        await store.moderation.remove("room", "bob", "cat")
        await self.refusal(Forbidden, store.messages.append(posted("room", "cat")))
        self.assertEqual(await store.chatrooms.of_user("cat"), [])

    async def test_somebody_who_is_no_member_can_not_be_acted_on(self) -> None:
        store = await self.room()
        for by in ("ann", SYSTEM):
            await self.refusal(NotFound, store.moderation.remove("room", by, "eve"))
            await self.refusal(NotFound, store.moderation.mute("room", by, "eve", 1000))
            await self.refusal(NotFound, store.moderation.appoint("room", by, "eve", Role.ADMIN))

    async def test_the_owner_appoints_and_dismisses_administrators(self) -> None:
        store = await self.room()
        await store.moderation.appoint("room", "ann", "cat", Role.ADMIN)
        await store.moderation.appoint("room", "ann", "bob", Role.MEMBER)
        self.assertEqual(await self.roles(store), {"ann": Role.OWNER, "cat": Role.ADMIN})
        await self.refusal(Forbidden, store.moderation.appoint("room", "ann", "ann", Role.MEMBER))

    async def test_who_hands_a_chatroom_over_becomes_an_administrator(self) -> None:
        store = await self.room()
        await store.moderation.appoint("room", "ann", "bob", Role.OWNER)
        self.assertEqual(await self.roles(store), {"ann": Role.ADMIN, "bob": Role.OWNER})

    async def test_a_chatroom_passes_to_the_oldest_administrator_then_to_the_first_member(self) -> None:
        store = await self.room()
        await self.advance(1)
        await store.moderation.appoint("room", "ann", "cat", Role.ADMIN)
        await self.advance(1)
        await store.chatrooms.subscribe("room")
        await store.chatrooms.leave("room", "ann")
        self.assertEqual(await self.roles(store), {"bob": Role.OWNER, "cat": Role.ADMIN})
        await store.moderation.appoint("room", "bob", "cat", Role.MEMBER)
        await store.moderation.remove("room", SYSTEM, "bob")
        self.assertEqual(await self.roles(store), {"cat": Role.OWNER})
        heirs = [(e.user_id, e.role) for e in await self.events() if e.type == "appointed"]
        self.assertEqual(heirs, [("bob", Role.OWNER), ("cat", Role.MEMBER), ("cat", Role.OWNER)])

    async def test_an_event_names_the_user_who_is_not_a_member_any_more(self) -> None:
        store = await self.room()
        await store.chatrooms.subscribe("room")
        await store.chatrooms.leave("room", "ann")
        await store.moderation.remove("room", SYSTEM, "bob")
        await self.settle()
        gone = [(n.event.type, n.event.user_id, n.gone) for n in self.news if isinstance(n, SessionEvent)]
        events = [("appointed", "bob", "ann"), ("removed", "bob", "bob"), ("appointed", "cat", "bob")]
        self.assertEqual(gone, events)

    async def test_who_joins_a_chatroom_without_members_owns_it(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await send(store, posted("room", "ann"))
        await store.chatrooms.leave("room", "ann")
        await join(store, "room", "cat", "ann")
        self.assertEqual(await self.roles(store), {"cat": Role.OWNER})

    async def test_a_role_ends_with_the_membership(self) -> None:
        store = await self.room()
        await store.chatrooms.leave("room", "bob")
        await join(store, "room", "bob")
        self.assertEqual(await self.roles(store), {"ann": Role.OWNER})

    async def test_renaming_changes_the_title_and_is_announced(self) -> None:
        store = await self.room()
        await store.chatrooms.subscribe("room")
        await store.moderation.rename("room", "bob", "New")
        self.assertEqual((await line_of(store, "cat", ROOM)).title, "New")
        self.assertEqual(await self.events(), [Event("renamed", "bob", "1:room", name="New")])

    async def test_a_removal_is_announced_to_the_chatroom_and_to_who_was_removed(self) -> None:
        store = await self.room()
        await enter(store, "cat")
        await store.chatrooms.subscribe("room")
        await store.moderation.remove("room", "bob", "cat")
        self.assertEqual(await self.events(), [Event("removed", "bob", "1:room", "cat")])
        self.assertIn(MemberLeft("cat", "room", "removed", "bob"), self.news)

    async def test_the_administrator_of_the_server_may_do_all(self) -> None:
        store = await self.room()
        await store.moderation.appoint("room", SYSTEM, "ann", Role.MEMBER)
        self.assertEqual(await self.roles(store), {"bob": Role.ADMIN})
        await store.moderation.appoint("room", SYSTEM, "cat", Role.OWNER)
        self.assertEqual(await self.roles(store), {"bob": Role.ADMIN, "cat": Role.OWNER})
        await store.moderation.remove("room", SYSTEM, "cat")
        await store.moderation.rename("room", SYSTEM, "New")
        await store.moderation.dismiss("room", SYSTEM)
        await self.refusal(NotFound, store.messages.append(posted("room", "bob")))


class MadeRoomBehaviour(RolesCase):
    """Chatrooms made by the administrator of the server, and the end of chatrooms."""

    async def test_a_chatroom_that_was_created_stays_and_its_first_member_does_not_own_it(self) -> None:
        store = await self.make_store()
        await store.chatrooms.create("room", "The Room", None)
        for _ in range(2):
            await join(store, "room", "cat")
            self.assertEqual(await self.roles(store), {})
            self.assertEqual((await line_of(store, "cat", ROOM)).title, "The Room")
            await store.chatrooms.leave("room", "cat")

    async def test_an_owner_may_be_given(self) -> None:
        store = await self.make_store()
        await store.chatrooms.create("room", "", user("cat"))
        self.assertEqual(await self.roles(store), {"cat": Role.OWNER})
        self.assertEqual(await store.chatrooms.of_user("cat"), ["room"])
        self.assertEqual((await line_of(store, "cat", ROOM)).title, "chatroom:room")

    async def test_what_exists_can_not_be_created(self) -> None:
        store = await self.room()
        await self.refusal(Conflict, store.chatrooms.create("room", "", None))
        await store.chatrooms.create("other", "", None)
        await self.refusal(Conflict, store.chatrooms.create("other", "", None))

    async def test_joining_need_not_make_a_chatroom(self) -> None:
        store = await self.make_store()
        await self.refusal(NotFound, store.chatrooms.join("room", user("ann"), "", create_missing=False))
        await self.refusal(NotFound, store.chatrooms.leave("room", "ann"))
        await store.chatrooms.create("room", "", None)
        self.assertEqual(await store.chatrooms.join("room", user("ann"), "", create_missing=False), 1)

    async def test_nothing_is_left_of_a_chatroom_that_was_dismissed(self) -> None:
        store = await self.room(sequences=True)
        await send(store, *[posted("room", "cat")] * 3)
        await store.moderation.mute("room", "ann", "dan", 1_000_000)
        await enter(store, "cat")
        await store.moderation.dismiss("room", "bob")
        await self.settle()
        self.assertEqual(self.news, [MemberLeft("cat", "room", "dismissed", "bob")])
        for user_id in ("ann", "bob", "cat", "dan"):
            self.assertEqual(await store.chatrooms.of_user(user_id), [])
            self.assertEqual(await listed(store, user_id), [])
        await self.refusal(NotFound, store.chatrooms.leave("room", "ann"))
        await join(store, "room", "dan", "ann")
        self.assertEqual(await self.roles(store, "dan"), {"dan": Role.OWNER})
        self.assertEqual(await contents_of(store, ROOM), [])
        self.assertEqual((await send(store, posted("room", "dan")))[0].sequence, 1)

    async def test_a_chatroom_that_was_created_goes_when_it_is_dismissed(self) -> None:
        store = await self.make_store()
        await store.chatrooms.create("room", "", None)
        await store.moderation.dismiss("room", SYSTEM)
        await self.refusal(NotFound, store.chatrooms.leave("room", "ann"))

    async def test_a_large_chatroom_is_dismissed_whole(self) -> None:
        store = await self.make_store()
        ids = [f"u{n}" for n in range(45)]
        await join(store, "room", *ids)
        await store.moderation.dismiss("room", "u0")
        self.assertEqual([await store.chatrooms.of_user(one) for one in ids], [[]] * 45)


class MuteBehaviour(RolesCase):
    """Members who may not speak for a time."""

    async def test_who_is_muted_is_forbidden_to_send_there_until_the_time_is_over(self) -> None:
        store = await self.room()
        await join(store, "other", "cat")
        until = await store.moderation.mute("room", "bob", "cat", 60_000)
        (sent,) = await send(store, posted("other", "cat"))
        self.assertLess(abs(until - sent.created_at - 60_000), 5000)
        refusal = await self.refusal(Forbidden, store.messages.append(posted("room", "cat")))
        self.assertRegex(str(refusal), r"for (60|5\d) s")
        await send(store, posted("room", "dan"), posted("room", "ann"))
        await self.advance(61)
        await send(store, posted("room", "cat", "free"))
        self.assertEqual((await contents_of(store, ROOM))[-1], "free")

    async def test_a_mute_can_be_ended_and_does_not_end_others(self) -> None:
        store = await self.room()
        for user_id in ("cat", "dan"):
            await store.moderation.mute("room", "ann", user_id, 60_000)
        self.assertEqual(await store.moderation.mute("room", "ann", "cat", 0), 0)
        await send(store, posted("room", "cat"))
        await self.refusal(Forbidden, store.messages.append(posted("room", "dan")))

    async def test_a_longer_mute_outlives_a_shorter_one(self) -> None:
        store = await self.room()
        await store.moderation.mute("room", "ann", "cat", 600_000)
        await store.moderation.mute("room", "ann", "dan", 60_000)
        await self.advance(61)
        await send(store, posted("room", "dan"))
        await self.refusal(Forbidden, store.messages.append(posted("room", "cat")))

    async def test_leaving_and_joining_again_does_not_end_it(self) -> None:
        store = await self.room()
        await store.moderation.mute("room", "ann", "cat", 60_000)
        await store.chatrooms.leave("room", "cat")
        await join(store, "room", "cat")
        await self.refusal(Forbidden, store.messages.append(posted("room", "cat")))

    async def test_the_answer_to_a_request_is_repeated_to_who_is_muted_by_now(self) -> None:
        store = await self.room()
        (sent,) = await send(store, posted("room", "cat", request_id="r"))
        await store.moderation.mute("room", "ann", "cat", 60_000)
        self.assertEqual(await store.messages.append(posted("room", "cat", request_id="r")), sent)

    async def test_a_mute_is_announced_with_its_end(self) -> None:
        store = await self.room()
        await store.chatrooms.subscribe("room")
        until = await store.moderation.mute("room", "ann", "cat", 60_000)
        await store.moderation.mute("room", "ann", "cat", 0)
        expected = [Event("muted", "ann", "1:room", "cat", until=end) for end in (until, 0)]
        self.assertEqual(await self.events(), expected)


class RecallBehaviour(RolesCase):
    """Messages whose content goes."""

    async def test_a_stub_stays_in_history_list_and_catching_up(self) -> None:
        store = await self.make_store(sequences=True)
        first, second = await send(store, private("ann", "bob", "a"), private("ann", "bob", "b"))
        before = await messages_of(store, AB)
        for _ in range(2):
            await store.moderation.recall(AB, "ann", second.id)
        found = await messages_of(store, AB)
        self.assertEqual([(m.content, m.status, m.sequence) for m in found], [("a", 1, 1), ("", 2, 2)])
        self.assertEqual((found[1].sender, found[1].id), (before[1].sender, second.id))
        self.assertEqual((await line_of(store, "bob", AB)).last, found[1])
        self.assertEqual((await line_of(store, "bob", AB)).unread, 1)
        self.assertEqual((await store.messages.missed("bob", None, 10)).messages, found)
        self.assertEqual((await store.messages.missed("bob", first.id, 10)).messages, found[1:])

    async def test_it_is_announced_to_both_people_of_a_private_session(self) -> None:
        store = await self.make_store()
        (sent,) = await send(store, private("ann", "bob"))
        for user_id in ("ann", "bob"):
            await enter(store, user_id)
        await store.moderation.recall(AB, "ann", sent.id)
        await self.settle()
        event = Event("recalled", "ann", "2:ann:bob", message_id=sent.id)
        happened = [news for news in self.news if isinstance(news, SessionEvent)]
        self.assertEqual({news.reader for news in happened}, {"ann", "bob"})
        self.assertEqual([(news.session, news.event) for news in happened], [(AB, event)] * 2)

    async def test_it_is_announced_in_a_chatroom(self) -> None:
        store = await self.room()
        (sent,) = await send(store, posted("room", "cat"))
        await store.chatrooms.subscribe("room")
        await store.moderation.recall(ROOM, "bob", sent.id)
        self.assertEqual(await self.events(), [Event("recalled", "bob", "1:room", message_id=sent.id)])

    async def test_senders_recall_their_own_for_a_while(self) -> None:
        store = await self.room()
        drafts = private("ann", "bob"), posted("room", "cat")
        old = await send(store, *drafts)
        await self.advance(RECALL_WITHIN_MS / 1000 + 1)
        new = await send(store, *drafts)
        for session, by, at in ((AB, "ann", 0), (ROOM, "cat", 1)):
            await self.refusal(Forbidden, store.moderation.recall(session, by, old[at].id))
            await store.moderation.recall(session, by, new[at].id)
        await store.moderation.recall(AB, SYSTEM, old[0].id)
        await store.moderation.recall(ROOM, SYSTEM, old[1].id)

    async def test_others_do_not_recall_them(self) -> None:
        store = await self.room()
        to_bob, in_room = await send(store, private("ann", "bob"), posted("room", "cat"))
        await self.refusal(Forbidden, store.moderation.recall(AB, "bob", to_bob.id))
        for by in ("dan", "eve"):
            await self.refusal(Forbidden, store.moderation.recall(ROOM, by, in_room.id))
        self.assertEqual(await contents_of(store, ROOM), ["hi"])

    async def test_owner_and_administrators_recall_what_is_not_of_their_rank(self) -> None:
        store = await self.room()
        for sender, by, is_allowed in (
            ("ann", "bob", False),
            ("bob", "ann", True),
            ("bob", "bob", True),
            ("cat", "bob", True),
        ):
            (sent,) = await send(store, posted("room", sender))
            await self.advance(RECALL_WITHIN_MS / 1000 + 1)
            if is_allowed:
                await store.moderation.recall(ROOM, by, sent.id)
            else:
                await self.refusal(Forbidden, store.moderation.recall(ROOM, by, sent.id))
        (sent,) = await send(store, posted("room", "dan"))
        await store.chatrooms.leave("room", "dan")
        await store.moderation.recall(ROOM, "bob", sent.id)

    async def test_what_is_not_there_can_not_be_recalled(self) -> None:
        store = await self.room(ttl=60)
        await self.refusal(NotFound, store.moderation.recall(AB, "ann", FUTURE))
        await self.refusal(NotFound, store.moderation.recall(ROOM, "ann", FUTURE))
        (sent,) = await send(store, posted("room", "ann"))
        await self.advance(61)
        await self.refusal(NotFound, store.moderation.recall(ROOM, "ann", sent.id))
