"""What the memory store records of each change, and that a change which can't be recorded is none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import ANY

from gim.errors import Unavailable
from gim.ids import SYSTEM, chatroom_session, private_session
from gim.model import Role, User
from gim.storage.memory.store import MemoryStore
from gim.storage.message_ids import FIRST, first_id_of
from gim.webhooks.presence_grace import REANNOUNCE_INTERVAL, PresenceGrace
from tests.support.recorders import ListRecorder, contents_of
from tests.support.storage_behaviour.base import (
    AB,
    FUTURE,
    ROOM,
    RecordingListener,
    enter,
    join,
    messages_of,
    posted,
    private,
    send,
    user,
)
from tests.support.storage_behaviour.memory import START, MemoryCase

OLD = private_session("ann", "old")  # its messages have expired
MINUTE = 60_000  # ms
NOW = round(START * 1000)

Ask = Callable[[MemoryStore], Awaitable[Any]]


class OrderedListener(RecordingListener):
    """Adds what is announced to the log of a recorder."""

    def __init__(self, recorder: ListRecorder) -> None:
        super().__init__()
        self._log = recorder.log

    def on_announcement(self, news: Any) -> None:
        super().on_announcement(news)
        self._log.append(("announced", type(news).__name__))


class RecorderCase(MemoryCase):
    """A store with a recorder, in which there is something of each kind."""

    async def fill(self, **limits: Any) -> MemoryStore:
        """Return the store; ann, bob and cat are connected, and in the chatroom as its owner, an
        administrator and a member; the recorder and the listener have heard nothing yet."""
        self.recorder = ListRecorder()
        store = self.make_store(recorder=self.recorder, sequences=True, ttl=100.0, **limits)
        self.listener = OrderedListener(self.recorder)
        await store.start(self.listener)
        await send(store, private("ann", "old"))
        self.clock.advance(100.1)
        self.sweep_all(store)
        await join(store, "room", "ann", "bob", "cat")
        await join(store, "single", "ann")
        await store.chatrooms.create("kept", "Kept", None)
        await store.chatrooms.create("own", "", user("bob"))
        for user_id in ("ann", "bob", "cat"):
            await enter(store, user_id)
        await store.moderation.appoint("room", "ann", "bob", Role.ADMIN)
        await store.moderation.mute("room", "ann", "cat", MINUTE)
        self.sent = await send(
            store,
            private("ann", "bob"),
            private("cat", "bob"),
            posted("room", "ann"),
            private("cat", "idle"),
        )
        await store.moderation.recall(private_session("bob", "cat"), "cat", self.sent[1].id)
        await store.moderation.ban("dan", MINUTE, 2 * MINUTE)
        await store.webhook_log.next_event_number("ann", True)
        await store.webhook_log.next_event_number("fay", True)
        for heard in (self.recorder.log, self.recorder.names, self.recorder.marks, self.listener.news):
            heard.clear()
        self.recorder.gone.clear()
        self.now = int(self.wall.now_ms())
        return store


class RefusalTests(RecorderCase):
    """A change that can't be recorded raises `Unavailable`, and changes and announces nothing."""

    async def check(self, ask: Ask, **limits: Any) -> None:
        store = await self.fill(**limits)
        before, sizes = contents_of(store.data), store.data.sizes()
        seen = await self.everything(store)
        self.recorder.refuses = True
        with self.assertRaises(Unavailable):
            await ask(store)
        self.assertEqual(contents_of(store.data), before)
        self.assertEqual((store.data.sizes(), await self.everything(store)), (sizes, seen))
        self.assertEqual((self.listener.news, self.recorder.log), ([], []))
        self.recorder.refuses = False
        await ask(store)
        self.assertNotEqual(contents_of(store.data), before)
        self.assertEqual(len(self.recorder.entries()), 1)

    async def everything(self, store: MemoryStore) -> list[Any]:
        """Return all that the interface tells."""
        users, _ = await store.users.find("", "", 100, False)
        rooms, _ = await store.chatrooms.find("", "", 100)
        sessions = [chatroom_session(room.id) for room in rooms]
        sessions += [AB, OLD, private_session("bob", "cat"), private_session("eve", "fay")]
        return [
            users,
            rooms,
            [await store.chatrooms.members(room.id, SYSTEM, "", 100) for room in rooms],
            [await store.messages.history(session, SYSTEM, None, 100) for session in sessions],
            [await store.messages.sessions(each.id, None, None, 100) for each in users],
            [await store.messages.missed(each.id, FIRST, 100) for each in users],
            [await store.chatrooms.of_user(each.id) for each in users],
            [await store.moderation.ban_of(user_id) for user_id in ("ann", "dan")],
            await store.nodes.statistics(),
        ]

    async def test_private_messages(self) -> None:
        for draft in (
            private("ann", "bob"),
            private("ann", "cat"),  # the first of its session
            private("ann", "bob", request_id="r"),
            private("eve", "fay"),  # of two users who are unknown to the store
            private("eve", "ann"),
            private("ann", "eve"),
            private("idle", "ann"),  # who was only written to
            private("ann", "old"),  # in a session whose messages have expired
        ):
            await self.check(lambda store, draft=draft: store.messages.append(draft))  # type: ignore[misc]

    async def test_messages_of_a_chatroom(self) -> None:
        for draft in (
            posted("room", "ann"),
            posted("room", "ann", request_id="r"),
            posted("own", "bob"),  # the first of its session
            posted("room", "eve", as_admin=True),
            posted("room", SYSTEM, as_admin=True),
        ):
            await self.check(lambda store, draft=draft: store.messages.append(draft))  # type: ignore[misc]

    async def test_a_message_beyond_a_limit(self) -> None:
        await self.check(lambda store: store.messages.append(private("ann", "bob")), max_messages=4)
        limit = {"max_session_messages": 1}
        await self.check(lambda store: store.messages.append(private("ann", "bob")), **limit)

    async def test_a_refused_request_is_not_remembered(self) -> None:
        store = await self.fill()
        self.recorder.refuses = True
        with self.assertRaises(Unavailable):
            await store.messages.append(private("ann", "bob", "one", request_id="r"))
        self.recorder.refuses = False
        sent = await store.messages.append(private("ann", "bob", "two", request_id="r"))
        self.assertEqual((await messages_of(store, AB))[-1].content, "two")
        self.assertEqual(sent.sequence, 2)

    async def test_read_positions(self) -> None:
        await self.check(lambda store: store.messages.mark_read(AB, "bob", FUTURE))
        await self.check(lambda store: store.messages.mark_read(ROOM, "bob", FUTURE))

    async def test_chatrooms_that_begin(self) -> None:
        await self.check(lambda store: store.chatrooms.create("new", "New", None))
        await self.check(lambda store: store.chatrooms.create("new", "New", user("ann")))
        await self.check(lambda store: store.chatrooms.create("new", "New", user("eve")))
        await self.check(lambda store: store.chatrooms.join("new", user("ann"), ""))
        await self.check(lambda store: store.chatrooms.join("new", user("eve"), "New"))

    async def test_members_who_join(self) -> None:
        for user_id in ("bob", "eve", "idle"):
            await self.check(
                lambda store, one=user_id: store.chatrooms.join("single", user(one), "")  # type: ignore[misc]
            )

    async def test_members_who_leave(self) -> None:
        for room, user_id in (
            ("room", "ann"),
            ("room", "bob"),
            ("room", "cat"),
            ("single", "ann"),  # the last one
            ("own", "bob"),  # the last one of a chatroom that is to be kept
        ):
            await self.check(
                lambda store, room=room, one=user_id: store.chatrooms.leave(room, one)  # type: ignore[misc]
            )

    async def test_moderation(self) -> None:
        asks: list[Ask] = [
            lambda store: store.moderation.rename("room", "ann", "Other"),
            lambda store: store.moderation.remove("room", "ann", "bob"),
            lambda store: store.moderation.remove("room", SYSTEM, "ann"),
            lambda store: store.moderation.remove("single", SYSTEM, "ann"),
            lambda store: store.moderation.mute("room", "ann", "bob", MINUTE),
            lambda store: store.moderation.mute("room", "ann", "cat", 2 * MINUTE),
            lambda store: store.moderation.mute("room", "ann", "cat", 0),
            lambda store: store.moderation.appoint("room", "ann", "cat", Role.ADMIN),
            lambda store: store.moderation.appoint("room", "ann", "bob", Role.MEMBER),
            lambda store: store.moderation.appoint("room", "ann", "cat", Role.OWNER),
            lambda store: store.moderation.dismiss("room", "ann"),
            lambda store: store.moderation.dismiss("kept", SYSTEM),
            lambda store: store.moderation.recall(AB, "ann", self.sent[0].id),
            lambda store: store.moderation.recall(ROOM, "ann", self.sent[2].id),
        ]
        for ask in asks:
            await self.check(ask)

    async def test_bans(self) -> None:
        await self.check(lambda store: store.moderation.ban("eve", MINUTE, MINUTE))
        await self.check(lambda store: store.moderation.ban("dan", 3 * MINUTE, MINUTE))
        await self.check(lambda store: store.moderation.unban("dan"))

    async def test_numbers_of_events(self) -> None:
        asks: list[Ask] = [
            lambda store: store.webhook_log.next_event_number("ann"),
            lambda store: store.webhook_log.next_event_number("bob", True),
            lambda store: store.webhook_log.next_event_number("fay", False),
        ]
        for ask in asks:
            await self.check(ask)
        store = await self.fill()
        self.recorder.refuses = True
        before = contents_of(store.data)
        with self.assertRaises(Unavailable):
            await store.webhook_log.next_event_number("eve", True)
        self.assertEqual(contents_of(store.data), before)

    async def test_logins_and_delivery_marks_go_on(self) -> None:
        store = await self.fill()
        self.recorder.refuses = True
        await enter(store, "eve", "Eve")
        await store.users.put("ann", "Ann")
        store.messages.delivered("bob", self.sent[0].id)
        self.assertEqual(self.recorder.names, [User("eve", "Eve"), User("ann", "Ann")])
        self.assertEqual(self.recorder.marks, [("bob", self.sent[0].id)])

    async def test_a_ping_says_that_nothing_can_be_recorded(self) -> None:
        store = await self.fill()
        self.assertEqual(await store.ping(), ())
        self.recorder.refuses = True
        with self.assertRaises(Unavailable):
            await store.ping()


class RecordTests(RecorderCase):
    """What is recorded, before it is announced."""

    async def heard(self, asking: Awaitable[Any]) -> list[tuple[Any, ...]]:
        """Return what one operation records and announces, in this order."""
        self.recorder.log.clear()
        await asking
        return list(self.recorder.log)

    async def test_a_message(self) -> None:
        store = await self.fill()
        for session, draft in (
            (AB, private("ann", "bob", "hello", request_id="r")),
            (ROOM, posted("room", "ann", "hello", request_id="r")),
        ):
            recorded, *announced = await self.heard(store.messages.append(draft))
            (message,) = await messages_of(store, session, count=1)
            self.assertEqual(recorded, ("message", message, "r"))
            self.assertEqual((message.content, message.sequence), ("hello", 2))
            self.assertEqual({name for name, _ in announced}, {"announced"})
            self.assertTrue(announced)
            self.assertEqual(await self.heard(store.messages.append(draft)), [])  # the first answer

    async def test_a_read_position(self) -> None:
        store = await self.fill()
        for session, sent in ((AB, self.sent[0]), (ROOM, self.sent[2])):
            recorded, *announced = await self.heard(store.messages.mark_read(session, "bob", FUTURE))
            self.assertEqual(recorded, ("read", "bob", session.id, sent.id))
            self.assertEqual(announced, [("announced", "SessionEvent")])
            self.assertEqual(await self.heard(store.messages.mark_read(session, "bob", FUTURE)), [])

    async def test_a_chatroom_that_begins(self) -> None:
        store = await self.fill()
        create, join = store.chatrooms.create, store.chatrooms.join
        self.assertEqual(
            await self.heard(create("a", "", None)), [("room", "a", ANY, "chatroom:a", True, "", ())]
        )
        for room, asking, name, is_kept in (
            ("b", create("b", "B", user("ann")), "B", True),
            ("c", join("c", user("ann"), ""), "chatroom:c", False),
        ):
            recorded, *announced = await self.heard(asking)
            fields = "created", room, ANY, name, is_kept, "ann", (), room, "ann", ANY, FIRST
            self.assertEqual(recorded, fields)
            self.assertGreater(recorded[9], recorded[2])  # joined after the chatroom was made
            self.assertEqual(store.data.archive.chatroom(room).created, recorded[2])
            self.assertEqual(announced, [("announced", "MemberJoined")])
        self.assertEqual(self.recorder.names, [])

    async def test_who_joins(self) -> None:
        store = await self.fill()
        recorded, *_ = await self.heard(store.chatrooms.join("room", User("eve", "Eve"), ""))
        self.assertEqual(recorded, ("joined", "room", "eve", ANY, self.sent[2].id))
        self.assertEqual(self.recorder.names, [User("eve", "Eve")])
        self.assertEqual(await self.heard(store.chatrooms.join("room", User("eve", "Eve"), "")), [])

    async def test_who_leaves_and_who_owns_the_chatroom_then(self) -> None:
        store = await self.fill()
        for room, user_id, owner, is_gone in (
            ("room", "ann", "bob", False),  # an administrator comes first
            ("room", "bob", "cat", False),  # then the smallest id
            ("room", "cat", "", True),
            ("own", "bob", "", False),
        ):
            recorded, *announced = await self.heard(store.chatrooms.leave(room, user_id))
            self.assertEqual(recorded, ("left", room, user_id, owner, is_gone))
            self.assertIn(("announced", "MemberLeft"), announced)
        self.assertEqual(await self.heard(store.chatrooms.leave("own", "ann")), [])
        self.assertEqual(self.recorder.gone[-1].id, self.sent[2].id)

    async def test_names_and_roles(self) -> None:
        store = await self.fill()
        created = store.data.archive.chatroom("room").created
        rename, appoint = store.moderation.rename, store.moderation.appoint
        steps: list[tuple[Awaitable[None], str, tuple[str, ...]]] = [
            (rename("room", "ann", "New"), "ann", ("bob",)),
            (appoint("room", "ann", "cat", "admin"), "ann", ("bob", "cat")),
            (appoint("room", "ann", "bob", "owner"), "bob", ("cat", "ann")),
            (appoint("room", "bob", "cat", "member"), "bob", ("ann",)),
            (appoint("room", SYSTEM, "bob", "member"), "", ("ann",)),
        ]
        for asking, owner, admins in steps:
            recorded, *announced = await self.heard(asking)
            self.assertEqual(recorded, ("room", "room", created, "New", False, owner, admins))
            self.assertEqual(announced, [("announced", "SessionEvent")])

    async def test_moderation(self) -> None:
        store = await self.fill()
        moderation, sent = store.moderation, self.sent[2]
        steps: list[tuple[Awaitable[Any], tuple[Any, ...]]] = [
            (moderation.mute("room", "ann", "cat", MINUTE), ("muted", "room", "cat", self.now + MINUTE)),
            (moderation.mute("room", "ann", "cat", 0), ("muted", "room", "cat", 0)),
            (moderation.recall(ROOM, "ann", sent.id), ("recalled", ROOM.id, sent.id)),
            (moderation.remove("room", "ann", "cat"), ("left", "room", "cat", "ann", False)),
            (moderation.dismiss("room", "ann"), ("dismissed", "room")),
        ]
        for asking, expected in steps:
            recorded, *announced = await self.heard(asking)
            self.assertEqual(recorded, expected)
            self.assertEqual({name for name, _ in announced}, {"announced"})

    async def test_a_recalled_message_is_recorded_once(self) -> None:
        store = await self.fill()
        recalls = [
            await self.heard(store.moderation.recall(AB, "ann", self.sent[0].id)) for _ in range(2)
        ]
        self.assertEqual([heard[0][0] for heard in recalls], ["recalled", "announced"])

    async def test_bans(self) -> None:
        store = await self.fill()
        for asking, recorded in (
            (store.moderation.ban("eve", MINUTE, 2 * MINUTE), (self.now + MINUTE, self.now + 2 * MINUTE)),
            (store.moderation.unban("eve"), (0, self.now + 2 * MINUTE)),
        ):
            self.assertEqual(await self.heard(asking), [("ban", "eve", self.now, *recorded)])
        self.assertEqual(await self.heard(store.moderation.unban("fay")), [])

    async def test_numbers_of_events(self) -> None:
        store = await self.fill()
        number = store.webhook_log.next_event_number
        first = await number("eve")
        assert first is not None
        self.assertEqual(await self.heard(number("eve", True)), [("event", "eve", first + 1, True)])
        self.assertEqual(await self.heard(number("eve", True)), [])
        self.assertEqual(await self.heard(number("eve", False)), [("event", "eve", first + 2, False)])
        self.assertEqual(await self.heard(number("ann", False)), [])  # who is still connected

    async def test_users_and_their_names(self) -> None:
        store = await self.fill()
        for name in ("Ann", "Ann", None, ""):
            await store.users.put("ann", name)
        await enter(store, "eve")
        await enter(store, "idle")
        names = [("ann", "Ann"), ("ann", "ann"), ("eve", "eve"), ("idle", "idle")]
        self.assertEqual(self.recorder.names, [User(*name) for name in names])

    async def test_delivery_marks_that_move(self) -> None:
        store = await self.fill()
        newest = self.sent[1].id
        for message_id in (newest, newest, self.sent[0].id):
            store.messages.delivered("bob", message_id)
        await store.messages.missed("ann", None, 10)  # only what ann has sent, which is passed over
        self.assertEqual(self.recorder.marks, [("bob", newest), ("ann", self.sent[0].id)])

    async def test_messages_that_are_dropped(self) -> None:
        store = await self.fill(max_session_messages=1, max_messages=5)
        await send(store, private("ann", "bob"))  # beyond the limit of the session
        self.assertEqual(self.gone(), [self.sent[0].id])
        more = await send(store, private("cat", "ann"), private("fay", "ann"))  # beyond that of all
        self.assertEqual(self.gone(), [self.sent[1].id])
        self.assertEqual(store.data.archive.newest_trimmed, self.sent[1].id)
        await store.moderation.dismiss("room", "ann")
        self.assertEqual(self.gone(), [self.sent[2].id])
        self.clock.advance(100.1)
        self.sweep_all(store)
        self.assertEqual(self.gone()[-2:], [one.id for one in more])
        self.assertEqual(store.data.archive.newest_trimmed, more[-1].id)
        self.assertEqual(self.recorder.entries()[-1], ("dismissed", "room"))

    def gone(self) -> list[str]:
        gone = [message.id for message in self.recorder.gone]
        self.recorder.gone.clear()
        return gone


class RestartTests(RecorderCase):
    """What a store does that outlives its process, and what its parts need for that."""

    async def test_a_store_outlives_the_process_if_its_recorder_does(self) -> None:
        self.assertTrue((await self.fill()).outlives_process)
        self.assertFalse(self.make_store().outlives_process)

    async def test_who_was_online_and_is_absent_is_given_out_once(self) -> None:
        store = self.make_store()
        log, events = store.webhook_log, store.data.people.events
        for number, user_id in enumerate(("ann", "bob", "cat", "dan", "eve"), 1):
            store.data.people.make(user_id)
            events.put(user_id, number, True)
        self.assertEqual(await log.users_to_reannounce(10), [])  # no process has ended
        events.restored()
        await enter(store, "ann")
        self.assertEqual(await log.next_event_number("bob", False), 3)
        given = [await log.users_to_reannounce(2) for _ in range(3)]
        self.assertEqual(given, [["cat", "dan"], ["eve"], []])

    async def test_who_does_not_come_back_is_reported_offline(self) -> None:
        store, said = self.make_store(recorder=ListRecorder()), []
        events = store.data.people.events
        for user_id in ("ann", "bob"):
            store.data.people.make(user_id)
            events.put(user_id, 1, True)
        events.restored()
        presence = PresenceGrace(store, 10.0, lambda *change: said.append(change), self.clock)
        presence.startService()
        self.clock.advance(REANNOUNCE_INTERVAL)
        await enter(store, "bob")
        presence.came("bob")
        self.clock.advance(10.0)
        self.assertEqual(said, [("ann", False)])
        presence.stopService()
        self.assertEqual(said, [("ann", False)])  # bob is told of by the next process

    async def test_what_is_read_in_portions(self) -> None:
        data = (await self.fill()).data
        members = [("kept", ""), ("room", "ann"), ("room", "cat")]
        found = [[key[:2] for key in data.memberships.above(above, 2)] for above in members]
        self.assertEqual(
            found,
            [[("own", "bob"), ("room", "ann")], [("room", "bob"), ("room", "cat")], [("single", "ann")]],
        )
        self.assertEqual(data.archive.emptied(), [(OLD.id, 1)])
        number = await MemoryStore(data).webhook_log.next_event_number("ann")
        self.assertEqual([data.people.events.last(one) for one in ("ann", "bob")], [number, 0])

    async def test_what_is_beyond_a_limit_that_is_lower_now_goes_in_portions(self) -> None:
        data = (await self.fill(max_messages=4)).data
        data.archive._max_messages = 1
        self.assertEqual([data.archive.trim_total(2) for _ in range(3)], [True, False, False])
        self.assertEqual((len(data.archive.messages), len(self.recorder.gone)), (1, 3))

    async def test_ids_go_on_above_the_last_one(self) -> None:
        store = self.make_store()
        last = first_id_of(NOW + MINUTE)
        store.data.archive.ids.resume(last)
        sent = await send(store, private("ann", "bob"))
        self.assertGreater(sent[0].id, last)
        self.assertEqual(store.data.archive.ids.last, sent[0].id)
