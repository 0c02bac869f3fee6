"""Restoring from files: the format to the byte, each kind of record, records that come twice, clocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from twisted.internet.task import Clock

from gim.errors import Conflict
from gim.ids import SYSTEM, chatroom_session, private_session
from gim.journal.directory import open_directory
from gim.journal.records import BEGIN, MAGIC, frame
from gim.journal.records import encode as encode_fields
from gim.model import Ban, MessageStatus, User
from gim.storage.durable.effects import (
    Chatroom,
    Emptied,
    EventCounted,
    Globals,
    MemberJoined,
    MemberLeft,
    MessageRecalled,
    MessageStored,
    Person,
    Private,
    ReadUpTo,
    RoomDismissed,
    RoomSet,
    Seal,
    Slice,
    Tick,
    Together,
    UserBanned,
    UserMuted,
    UserNamed,
    decode_log,
    decode_state,
    encode,
)
from gim.storage.interface import Draft
from gim.storage.memory.store import MemoryStore
from gim.storage.message_ids import FIRST
from tests.support.clocks import SettableWallClock
from tests.support.journal.directories import DirectoryTestCase
from tests.support.journal.stores import JournalledStore
from tests.support.storage_behaviour.memory import START
from tests.unit.storage.memory.test_model import answer_to

GOLDEN = Path(__file__).with_name("golden")
NOW_MS = int(START * 1000)
DAY = 86_400
AB, ABOUT = "2:ann:bob", "1:about"
PEOPLE = "ann", "bob", "cat", "dan", "eve"


def made(number: int, seconds_ago: int = 60) -> str:
    """Return an id, larger for a larger *number*."""
    return f"{NOW_MS - seconds_ago * 1000:012x}7{number:03x}8000000000000000"


def said(number: int, session: str, sender: str, text: str, **changes: Any) -> MessageStored:
    message = MessageStored(
        made(number), session, sender, sender.title(), "text", text, number, "", MessageStatus.NORMAL
    )
    return msgspec.structs.replace(message, **changes)


FIRST_LOG = [
    said(1, AB, "ann", "trimmed before the checkpoint"),
    said(2, AB, "ann", "hello"),
    said(3, "1:gone", "ann", "in a chatroom that is gone"),
    said(4, AB, "bob", "", status=MessageStatus.RECALLED),
    said(5, ABOUT, "cat", "recalled before the checkpoint"),
    said(6, "2:ann:cat", "cat", "trimmed after the checkpoint"),
]
CHECKPOINT = [
    Globals(made(9), FIRST, made(1), 7, 10_000),
    Chatroom("about", made(0), "About", True, "ann", ("bob",), {"cat": 5}, 5, (made(5),), made(5)),
    Chatroom("dull", made(7), "Dull", False, "cat", (), {}, 3, (), ""),
    MemberJoined("about", "ann", made(0), FIRST),
    MemberJoined("about", "bob", made(8), FIRST),
    MemberJoined("dull", "cat", made(7), FIRST),
    Private(AB, 4, made(2), FIRST, (made(4),), made(2)),
    Private("2:ann:cat", 6, FIRST, FIRST, (), made(6)),
    Emptied("2:bob:cat", 8),
    Person("ann", "Ann", FIRST, made(1), 11, True),
    Person("bob", "Bob", made(2), made(1), 0, False),
    Person("cat", "Cat", FIRST, FIRST, 0, False),
    Person("dan", None, FIRST, FIRST, 0, False),
    UserBanned("dan", NOW_MS - 9, NOW_MS + 9000, NOW_MS + 9000),
    Globals(made(9), FIRST, made(1), 7, 10_000),
]
SECOND_LOG = [
    said(10, "2:ann:dan", "ann", "hi dan", request_id="first"),
    UserNamed("bob", "Robert"),
    ReadUpTo("bob", AB, made(4)),
    Together(
        (RoomSet("new", made(11), "New", False, "bob", ()), MemberJoined("new", "bob", made(12), FIRST))
    ),
    said(13, "1:new", "bob", "first here", sender_name="Robert", sequence=1),
    MemberJoined("new", "ann", made(14), made(13)),
    MemberJoined("new", "cat", made(15), made(13)),
    RoomSet("new", made(11), "Renamed", False, "bob", ("ann",)),
    MemberLeft("new", "bob", "ann", False),
    said(16, "1:new", "ann", "second here", sequence=2),
    ReadUpTo("cat", "1:new", made(16)),
    UserMuted("new", "cat", NOW_MS + 60_000),
    UserMuted("about", "bob", NOW_MS + 60_000),
    MessageRecalled("1:new", made(13)),
    RoomDismissed("dull"),
    RoomSet("kept", made(17), "Kept", True, "", ()),
    UserBanned("eve", NOW_MS - 5, NOW_MS + 5000, NOW_MS + 9000),
    UserBanned("dan", NOW_MS - 9, 0, NOW_MS + 9000),
    EventCounted("ann", 12, False),
    EventCounted("cat", 20, True),
    Tick(made(18), made(1), made(1), 2, 50, {"ann": made(4)}),
]


def log_of(number: int, records: list[Any]) -> bytes:
    begin = frame(encode_fields((BEGIN, number, None)))
    return MAGIC + begin + b"".join(frame(encode(record)) for record in records)


def state_of(effects: list[Any]) -> bytes:
    """Return a checkpoint in portions of two effects, taken when the second log had begun."""
    begin = len(log_of(2, []))
    parts = [tuple(effects[at : at + 2]) for at in range(0, len(effects), 2)]
    portions = [frame(encode(Slice(2, begin, part))) for part in parts]
    return MAGIC + b"".join(portions) + frame(encode(Seal()))


class RestoreTestCase(DirectoryTestCase):
    """Writes files and starts a store on them, 60 s after the newest message."""

    def setUp(self) -> None:
        super().setUp()
        open_directory(self.path).close()
        self.process: JournalledStore | None = None
        self.addCleanup(self.stop)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process = None

    def start(self, seconds: float = 0.0) -> MemoryStore:
        """Return the store of a new process; its wall clock is that many seconds off."""
        self.stop()
        self.clock = Clock()
        self.clock.advance(START)
        wall = SettableWallClock(lambda: self.clock.seconds() + seconds)
        self.process = JournalledStore(self.path, self.clock, wall)
        self.assertEqual(self.process.restored.problems, [])
        return self.process.store

    def write(self, first: list[Any], checkpoint: list[Any], second: list[Any]) -> None:
        Path(self.path, "log-00000001.gim").write_bytes(log_of(1, first))
        Path(self.path, "log-00000002.gim").write_bytes(log_of(2, second))
        Path(self.path, "state-00000002.gim").write_bytes(state_of(checkpoint))

    def picture(self, store: MemoryStore) -> dict[str, Any]:
        """Return all that the store answers, and what it goes on with."""
        data = store.data
        rooms = list(data.archive.chatroom_ids)
        return {
            "people": [self.person(store, user) for user in PEOPLE[:4]],
            "rooms": [data.archive.chatroom(room).fields() for room in rooms],
            "members": [answer_to(store.chatrooms.members(room, SYSTEM, "", 9))[0] for room in rooms],
            "mutes": [data.archive.chatroom(room).mutes for room in rooms],
            "sequences": [data.archive.chatroom(room).sequence for room in rooms],
            "sessions": [answer_to(store.messages.sessions(user, None, None, 9))[0] for user in PEOPLE],
            "histories": [
                answer_to(store.messages.history(chatroom_session(room), SYSTEM, None, 9))[0]
                for room in rooms
            ],
            "private": [
                answer_to(store.messages.history(private_session("ann", other), "ann", None, 9))[0]
                for other in PEOPLE[1:4]
            ],
            "missed": [answer_to(store.messages.missed(user, None, 9)) for user in PEOPLE[:4]],
            "bans": [answer_to(store.moderation.ban_of(user)) for user in PEOPLE[3:]],
            "emptied": data.archive.emptied(),
            "places": (
                data.archive.newest_trimmed,
                data.people.forgotten_dropped,
                data.people.events.floor,
            ),
            "reannounce": answer_to(store.webhook_log.users_to_reannounce(9)),
            "answers": len(data.answers),
        }

    def person(self, store: MemoryStore, user_id: str) -> tuple[Any, ...]:
        person, events = store.data.people.get(user_id), store.data.people.events
        if person is None:
            return ()
        marks = person.delivered_up_to, person.newest_dropped
        return (person.user, person.has_logged_in, person.stored, *marks, events.last(user_id))


class FormatTests(RestoreTestCase):
    """The files of another version of gim are read: what they say does not change."""

    def test_records_are_written_as_they_were(self) -> None:
        for name, content in {
            "log-00000001.gim": log_of(1, FIRST_LOG),
            "log-00000002.gim": log_of(2, SECOND_LOG),
            "state-00000002.gim": state_of(CHECKPOINT),
        }.items():
            self.assertEqual(content, (GOLDEN / name).read_bytes(), name)

    def test_files_are_read_as_they_were_meant(self) -> None:
        for file in GOLDEN.iterdir():
            Path(self.path, file.name).write_bytes(file.read_bytes())
        found = self.picture(self.start())
        self.assertEqual([room.id for room in found["rooms"]], ["about", "kept", "new"])
        self.assertEqual(found["rooms"][2], ("new", made(11), "Renamed", False, "ann", ()))
        self.assertEqual(
            found["mutes"], [{"cat": 5, "bob": NOW_MS + 60_000}, None, {"cat": NOW_MS + 60_000}]
        )
        self.assertEqual(
            [
                [(member.id, member.name, member.role) for member in members]
                for members in found["members"]
            ],
            [
                [("ann", "Ann", "owner"), ("bob", "Robert", "admin")],
                [],
                [("ann", "Ann", "owner"), ("cat", "Cat", "member")],
            ],
        )
        self.assertEqual(found["sequences"], [5, 0, 2])
        texts = [
            [(message.content, int(message.status)) for message in one] for one in found["histories"]
        ]
        self.assertEqual(texts, [[("", 2)], [], [("", 2), ("second here", 1)]])
        private = [
            [(message.content, int(message.status)) for message in one] for one in found["private"]
        ]
        self.assertEqual(
            private, [[("hello", 1), ("", 2)], [("trimmed after the checkpoint", 1)], [("hi dan", 1)]]
        )
        self.assertEqual(
            [(line.id, line.unread) for line in found["sessions"][2]], [("1:new", 0), ("2:ann:cat", 0)]
        )
        self.assertEqual([(line.id, line.title) for line in found["sessions"][3]], [("2:ann:dan", "Ann")])
        self.assertEqual(found["bans"], [Ban(NOW_MS - 9, 0), Ban(NOW_MS - 5, NOW_MS + 5000)])
        self.assertEqual(found["emptied"], [("2:bob:cat", 8)])
        self.assertEqual(found["places"], (made(1), made(1), 7))
        self.assertEqual(found["reannounce"], ["cat"])
        self.assertEqual(found["people"][0], (User("ann", "Ann"), True, 5, made(4), made(1), 12))
        self.assertEqual(found["people"][1], (User("bob", "Robert"), True, 3, made(2), made(1), 0))
        self.assertEqual(found["people"][3][1:3], (False, 1))
        self.assertEqual(found["answers"], 1)

    def test_fields_of_later_versions_are_passed_over(self) -> None:
        later = encode_fields([2, "ann", "Ann", "a field"])
        self.assertEqual(decode_log(later), UserNamed("ann", "Ann"))

    def test_a_record_of_an_unknown_kind_is_an_error(self) -> None:
        for decode in decode_log, decode_state:
            self.assertRaises(msgspec.DecodeError, decode, encode_fields([99]))


class RepeatedTests(RestoreTestCase):
    """Records that come twice change nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.write(FIRST_LOG, CHECKPOINT, SECOND_LOG)
        self.expected = self.picture(self.start())

    def check(self, first: list[Any], checkpoint: list[Any], second: list[Any]) -> None:
        self.write(first, checkpoint, second)
        found = self.picture(self.start())
        self.assertEqual(found, self.expected)

    def test_each_record(self) -> None:
        for at in range(len(SECOND_LOG)):
            self.check(FIRST_LOG, CHECKPOINT, [*SECOND_LOG[: at + 1], *SECOND_LOG[at:]])

    def test_each_message_before_the_checkpoint(self) -> None:
        for at in range(len(FIRST_LOG)):
            self.check([*FIRST_LOG, FIRST_LOG[at]], CHECKPOINT, SECOND_LOG)

    def test_each_part_of_a_checkpoint(self) -> None:
        for at in range(len(CHECKPOINT)):
            self.check(FIRST_LOG, [*CHECKPOINT[: at + 1], *CHECKPOINT[at:]], SECOND_LOG)

    def test_the_whole_log(self) -> None:
        self.check(FIRST_LOG + FIRST_LOG, CHECKPOINT + CHECKPOINT, SECOND_LOG + SECOND_LOG)


class TrimmedTests(RestoreTestCase):
    """Messages that were trimmed after the checkpoint are not made, but not forgotten either."""

    def test_a_gap_is_known_and_the_numbers_go_on(self) -> None:
        later = [
            said(10, "2:ann:eve", "eve", "trimmed", sequence=1),
            said(11, AB, "bob", "kept", sequence=5),
            Tick(made(12), made(10), FIRST, 2, 0, {}),
        ]
        self.write(FIRST_LOG, CHECKPOINT, later)
        data = self.start().data
        self.assertEqual(data.sizes()["messages"], 1)
        self.assertEqual(data.people["ann"].newest_dropped, made(10))
        self.assertEqual(data.people["eve"].title, "Eve")
        self.assertEqual(data.people["bob"].newest_dropped, made(10))  # of what was before, the least
        self.assertIn(("2:ann:eve", 1), data.archive.emptied())


class GoingOnTests(RestoreTestCase):
    """What a store does with what was restored, whatever the wall clock says."""

    def setUp(self) -> None:
        super().setUp()
        self.write(FIRST_LOG, CHECKPOINT, SECOND_LOG)

    def send(self, store: MemoryStore, session: str, text: str, request_id: str = "") -> Any:
        draft = Draft(private_session("ann", session), User("ann", "Ann"), text, request_id=request_id)
        return answer_to(store.messages.append(draft))

    def test_ids_and_sequences_go_on(self) -> None:
        store = self.start()
        sent = self.send(store, "bob", "next")
        self.assertGreater(sent.id, made(18))
        self.assertEqual(sent.sequence, 5)

    def test_a_request_that_was_answered_stores_nothing(self) -> None:
        store = self.start()
        self.assertEqual(self.send(store, "dan", "hi dan", "first").id, made(10))
        self.assertRaises(Conflict, self.send, store, "dan", "something else", "first")

    def test_an_answer_is_forgotten_in_its_time(self) -> None:
        store = self.start()
        self.clock.advance(300 - 60)
        self.assertGreater(self.send(store, "dan", "hi dan", "first").id, made(18))

    def test_a_clock_set_back_changes_nothing_and_ids_go_on(self) -> None:
        expected = self.picture(self.start())
        store = self.start(-DAY)
        found = self.picture(store)
        self.assertEqual(found, expected)
        self.assertEqual(self.send(store, "dan", "hi dan", "first").id, made(10))
        sent = self.send(store, "bob", "next")
        self.assertGreater(sent.id, made(18))
        self.assertEqual(sent.id, store.data.archive.ids.last)

    def test_a_month_later_messages_have_expired_and_the_rest_is_there(self) -> None:
        store = self.start(31 * DAY)
        found = self.picture(store)
        self.assertEqual(store.data.sizes()["messages"], 0)
        self.assertEqual([room.id for room in found["rooms"]], ["about", "kept", "new"])
        self.assertEqual([person[0].name for person in found["people"][:3]], ["Ann", "Robert", "Cat"])
        self.assertEqual(self.send(store, "bob", "next").sequence, 5)
        missed = answer_to(store.messages.missed("ann", made(2), 9))
        self.assertFalse(missed.complete)
