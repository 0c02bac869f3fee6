"""What the store's changes become in the journal, and what waits while the disk refuses."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import Unavailable
from gim.journal.journal import Journal
from gim.model import Message, User
from gim.storage.durable import recorder as recorders
from gim.storage.durable.effects import (
    EventCounted,
    MemberJoined,
    MemberLeft,
    MessageRecalled,
    MessageStored,
    ReadUpTo,
    RoomDismissed,
    RoomSet,
    Tick,
    Together,
    UserBanned,
    UserMuted,
    UserNamed,
    decode_log,
)
from gim.storage.durable.recorder import JournalRecorder
from gim.storage.durable.ticker import TICK_INTERVAL, Ticker
from gim.storage.memory.recorder import JoinedFields, RoomFields
from gim.storage.message_ids import FIRST
from tests.support.settings import memory_store

ROOM = RoomFields("r", "01", "Room", False, "ann", ("bob",))
JOINED = JoinedFields("r", "ann", "02", FIRST)
MESSAGE = Message("03", "2:ann:bob", User("ann", "Ann"), "text", "hello", 7, 1, 0)


class FakeJournal:
    """Keeps what is appended, or refuses it while ``failing`` says why."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.position = 1, 0
        self.synced = 1, 40
        self.failing = ""
        self.retries = 0

    def append(self, payload: bytes) -> None:
        if self.failing:
            raise Unavailable(self.failing)
        self.records.append(decode_log(payload))
        self.position = 1, self.position[1] + len(payload)

    append_other = append

    def retry(self) -> None:
        self.retries += 1


class RecorderTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.journal = FakeJournal()
        self.recorder = JournalRecorder(cast(Journal, self.journal))


class RecorderTests(RecorderTestCase):
    def test_each_change_becomes_a_record(self) -> None:
        one = self.recorder
        assert one.message is not None
        for change, record in (
            (
                lambda: one.message(MESSAGE, "again"),
                MessageStored("03", "2:ann:bob", "ann", "Ann", "text", "hello", 7, "again", 1),
            ),
            (lambda: one.user(User("ann", "Ann")), UserNamed("ann", "Ann")),
            (lambda: one.read("ann", "1:r", "03"), ReadUpTo("ann", "1:r", "03")),
            (lambda: one.room(ROOM), RoomSet(*ROOM)),
            (lambda: one.joined(JOINED), MemberJoined(*JOINED)),
            (
                lambda: one.created(ROOM, JOINED),
                Together((RoomSet(*ROOM), MemberJoined(*JOINED))),
            ),
            (lambda: one.left("r", "ann", "bob", False), MemberLeft("r", "ann", "bob", False)),
            (lambda: one.dismissed("r"), RoomDismissed("r")),
            (lambda: one.muted("r", "bob", 5), UserMuted("r", "bob", 5)),
            (lambda: one.recalled("1:r", "03"), MessageRecalled("1:r", "03")),
            (lambda: one.ban("bob", 1, 2, 3), UserBanned("bob", 1, 2, 3)),
            (lambda: one.event("bob", 4, None), EventCounted("bob", 4, None)),
        ):
            change()
            self.assertEqual(self.journal.records[-1], record)
        self.assertEqual(len(self.journal.records), 12)

    def test_what_the_disk_refuses_is_refused(self) -> None:
        self.journal.failing = "full"
        assert self.recorder.message is not None
        self.assertRaises(Unavailable, self.recorder.message, MESSAGE, "")
        self.assertRaises(Unavailable, self.recorder.dismissed, "r")
        self.assertRaises(Unavailable, self.recorder.check)

    def test_names_wait_for_the_next_change_that_can_be_written(self) -> None:
        self.journal.failing = "full"
        for name in "Ann", "Anna":
            self.recorder.user(User("ann", name))
        self.recorder.user(User("bob", "Bob"))
        self.journal.failing = ""
        self.recorder.dismissed("r")
        names = [UserNamed("ann", "Anna"), UserNamed("bob", "Bob")]
        self.assertEqual(self.journal.records, [*names, RoomDismissed("r")])

    def test_the_oldest_of_many_names_and_marks_is_lost(self) -> None:
        self.patch(recorders, "MAX_WAITING", 1)
        self.journal.failing = "full"
        assert self.recorder.delivered is not None
        for user_id in "ann", "bob":
            self.recorder.user(User(user_id, user_id))
            self.recorder.delivered(user_id, "03")
        self.journal.failing = ""
        self.recorder.write_names()
        self.assertEqual(self.journal.records, [UserNamed("bob", "bob")])
        self.assertEqual(self.recorder.take_marks(), {"bob": "03"})


class TickerTests(RecorderTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.data = memory_store(self.clock).data
        journal = cast(Journal, self.journal)
        self.ticker = Ticker(self.data, self.recorder, journal, self.clock)
        self.ticker.startService()
        self.addCleanup(self.ticker.stopService)
        self.clock.advance(TICK_INTERVAL)  # the first one tells where a start went on
        self.journal.records.clear()

    def mark(self, user_id: str, message_id: str) -> None:
        assert self.recorder.delivered is not None
        self.recorder.delivered(user_id, message_id)

    def ticks(self) -> list[Tick]:
        self.clock.advance(TICK_INTERVAL)
        return [record for record in self.journal.records if isinstance(record, Tick)]

    def test_marks_are_written_together_and_only_forwards(self) -> None:
        self.mark("ann", "03")
        self.mark("ann", "05")
        self.mark("ann", "04")
        self.mark("bob", "01")
        (tick,) = self.ticks()
        self.assertEqual(tick.marks, {"ann": "05", "bob": "01"})
        self.assertEqual((tick.synced_number, tick.synced_offset), (1, 40))

    def test_without_a_change_nothing_is_written(self) -> None:
        self.mark("ann", "03")
        self.assertEqual(len(self.ticks()), 1)
        self.assertEqual(len(self.ticks()), 1)

    def test_a_trimmed_message_is_a_change(self) -> None:
        self.data.archive.newest_trimmed = "07"
        (tick,) = self.ticks()
        self.assertEqual(tick.floor, "07")

    def test_what_is_refused_is_tried_again(self) -> None:
        self.journal.failing = "full"
        self.recorder.user(User("ann", "Ann"))
        self.mark("ann", "03")
        self.assertEqual(self.ticks(), [])
        self.mark("ann", "02")
        self.assertEqual(self.journal.retries, 1)
        self.journal.failing = ""
        (tick,) = self.ticks()
        self.assertEqual(tick.marks, {"ann": "03"})
        self.assertEqual(self.journal.records[0], UserNamed("ann", "Ann"))
