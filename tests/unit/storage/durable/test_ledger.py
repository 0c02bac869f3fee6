"""What is counted of each log: messages that live, bytes, and what must leave the disk."""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Any

from gim.ids import SYSTEM
from gim.journal.files import LOG, path_of, read_file
from gim.journal.records import HEADER_SIZE, fields, kind_of, records
from gim.journal.sums import SUM_SIZE
from gim.storage.durable.contents import LogContent
from gim.storage.durable.effects import MESSAGE
from gim.storage.durable.ledger import ERASE_AFTER, ERASE_AFTER_START, Ledger, LogPart
from gim.storage.message_ids import LAST
from tests.support.journal.upkeep import ANN, Crashing, KeptStore, UpkeepTestCase


class LedgerTestCase(UpkeepTestCase):
    """Tests in which the ledger counts, and nothing is done about it."""

    def begin(self, **changes: Any) -> KeptStore:
        return self.start(Crashing(0), **changes)

    def full(self, ledger: Ledger) -> list[LogPart]:
        """Return the parts that are not written to."""
        return ledger.below(10**9)

    def live(self, process: KeptStore, part: LogPart) -> tuple[int, int]:
        """Return how many messages of a part live, and their bytes, as its files say."""
        messages, count, size = process.data.archive.messages, 0, 0
        for number in part.numbers:
            for _, payload in records(read_file(path_of(self.path, LOG, number))):
                if kind_of(payload) == MESSAGE:
                    _, message_id, session_id, *_ = fields(payload)
                    if messages.get(session_id, message_id) is not None:
                        count, size = count + 1, size + HEADER_SIZE + len(payload)
        return count, size

    def check(self, process: KeptStore) -> None:
        for part in self.full(process.ledger):
            count, size = self.live(process, part)
            self.assertEqual(part.messages, count, part.numbers)
            self.assertLess(abs(max(0, part.live_bytes) - size), 0.1 * part.size + 50)


class CountTests(LedgerTestCase):
    """The counts are those of the files."""

    def test_messages_that_are_trimmed_or_expire_are_dead(self) -> None:
        process, random = self.begin(max_session_messages=20, max_messages=150, ttl=2.0), Random(1)
        for number in range(600):
            text = random.choice(["x", "hello", "你好"]) * random.randrange(1, 40)
            self.send(process, text, to=f"u{random.randrange(10)}")
            self.clock.advance(random.choice([0.0, 0.03]))
            process.data.sweep(3)
            if not number % 50:
                self.check(process)
        self.assertGreater(len(self.full(process.ledger)), 3)
        self.check(process)

    def test_the_message_that_begins_a_log_is_counted_there(self) -> None:
        process = self.begin(max_session_messages=1, segment_size=1024)
        for number in range(100):
            self.send(process, "x" * (number % 9))
            self.check(process)
        last = self.full(process.ledger)[-1]
        self.assertLessEqual(last.messages, 1)

    def test_a_log_that_begins_without_a_message_has_those_that_follow(self) -> None:
        process = self.begin(max_session_messages=2)
        for _ in range(20):
            self.send(process, "one")
            process.journal.roll()
            self.check(process)
            self.done(process.store.chatrooms.join("r", ANN, ""))
            self.done(process.store.chatrooms.leave("r", ANN.id))
            process.journal.roll()
        self.check(process)

    def test_messages_of_a_chatroom_that_ends_are_dead(self) -> None:
        process = self.begin()
        self.done(process.store.chatrooms.join("r", ANN, ""))
        for _ in range(200):
            self.send(process, "x" * 100, room="r")
        self.done(process.store.moderation.dismiss("r", SYSTEM))
        self.assertEqual([part.messages for part in self.full(process.ledger)], [0, 0])

    def test_counts_go_on_after_a_restart(self) -> None:
        process = self.begin(max_session_messages=50, max_messages=200)
        for number in range(300):
            self.send(process, "x" * 150, to=f"u{number % 7}")
        process.end(killed=True)
        process = self.begin(max_messages=120)
        self.check(process)
        for number in range(200):
            self.send(process, "x" * 150, to=f"u{number % 7}")
            self.check(process)

    def test_messages_that_are_written_again_are_in_their_part(self) -> None:
        process = self.begin(max_session_messages=80)
        journal = process.journal
        journal.unsynced = deque()  # as with syncs
        for number in range(400):
            self.send(process, "x" * 150)
            if number in (30, 250):
                journal.synced = journal.position
                journal.unsynced.clear()
            if number in (200, 300):
                failed = journal.begin_again()
                failed.replace()
                failed.abandon()
        self.assertEqual(
            [part.numbers for part in process.ledger._parts], [[1, 2, 3, 4], [5, 6, 7], [8], [9]]
        )
        for part, first_id, following in self.parts(process.ledger):
            found = {message_id for number in part.numbers for message_id in self.ids_in(number)}
            wanted = {
                message_id
                for message_id, _, _ in self.texts(process)
                if first_id <= message_id < following
            }
            self.assertLessEqual(wanted, found)

    def parts(self, ledger: Ledger) -> list[tuple[LogPart, str, str]]:
        """Return the parts with their first ids and those of the next ones."""
        first_ids = ledger._first_ids
        return list(zip(ledger._parts, first_ids, [*first_ids[1:], LAST], strict=True))

    def ids_in(self, number: int) -> list[str]:
        """Return the ids of all messages in a log."""
        found = records(read_file(path_of(self.path, LOG, number)))
        return [fields(payload)[1] for _, payload in found if kind_of(payload) == MESSAGE]


class FigureTests(LedgerTestCase):
    """What the metrics show."""

    def test_all_lives_until_something_is_dropped(self) -> None:
        process = self.begin(max_session_messages=100)
        for _ in range(100):
            self.send(process, "x" * 150)
        ledger = process.ledger
        self.assertGreater(ledger.live_ratio, 0.99)
        for _ in range(100):
            self.send(process, "x" * 150)
        self.assertLess(abs(ledger.live_ratio - 0.5), 0.03)
        self.assertEqual(ledger.segments, len(self.numbers()))
        written = process.journal.position[1]
        self.assertEqual(ledger.bytes, sum(part.size for part in self.full(ledger)) + written)

    def test_a_restart_changes_no_figure_by_much(self) -> None:
        process = self.begin(max_session_messages=100)
        for _ in range(250):
            self.send(process, "x" * 150)
        before = process.ledger
        process.end()
        size = process.journal.position[1] + SUM_SIZE + sum(part.size for part in self.full(before))
        after = self.begin().ledger
        self.assertEqual((after.segments, after.bytes), (before.segments, size))
        self.assertLess(abs(after.live_ratio - before.live_ratio), 0.05)


class EraseTests(LedgerTestCase):
    """Logs with content that must leave the disk are written again in time."""

    def numbers_to_erase(self, process: KeptStore) -> list[int]:
        return [number for part in process.ledger.to_erase() for number in part.numbers]

    def test_the_log_of_a_recalled_message_is_due_after_a_while(self) -> None:
        process = self.begin()
        sent = [self.send(process, "x" * 300) for _ in range(150)]
        self.recall(process, sent[70])
        self.assertEqual(self.numbers_to_erase(process), [])
        self.clock.advance(ERASE_AFTER)
        self.assertEqual(self.numbers_to_erase(process), [2])

    def test_all_logs_since_a_chatroom_was_created_are_due(self) -> None:
        process = self.begin()
        for _ in range(60):
            self.send(process, "x" * 300)
        self.done(process.store.chatrooms.join("r", ANN, ""))
        first = process.journal.position[0]
        for _ in range(60):
            self.send(process, "x" * 300, room="r")
        self.done(process.store.chatrooms.leave("r", ANN.id))
        last = process.journal.position[0]
        self.send(process, "x" * 300)
        self.clock.advance(ERASE_AFTER)
        self.assertEqual(self.numbers_to_erase(process), list(range(first, last + 1)))
        self.assertGreater(first, 1)

    def test_a_start_finds_what_is_due(self) -> None:
        process = self.begin()
        self.done(process.store.chatrooms.join("r", ANN, ""))
        sent = [self.send(process, "x" * 300, room="r" if 50 < n < 60 else "") for n in range(150)]
        self.recall(process, sent[149])
        self.done(process.store.moderation.dismiss("r", SYSTEM))
        process.end()
        process = self.begin()
        self.assertEqual(self.numbers_to_erase(process), [])
        self.clock.advance(ERASE_AFTER_START)
        self.assertEqual(self.numbers_to_erase(process), [2, process.journal.position[0]])


class MixedLogsTests(LedgerTestCase):
    """Logs whose ids are not apart from each other are one part."""

    def loaded(self, *logs: LogContent) -> list[list[int]]:
        process = self.begin()
        process.ledger.load(list(logs), process.data.archive)
        return [part.numbers for part in process.ledger._parts]

    def test_logs_in_the_order_of_their_ids_are_parts_of_their_own(self) -> None:
        logs = [LogContent(1, 9, "a", "b", 1, 1), LogContent(2, 9, "c", "d", 1, 1), LogContent(3, 9)]
        self.assertEqual(self.loaded(*logs), [[1], [2], [3]])

    def test_a_log_with_older_ids_joins_the_one_before(self) -> None:
        logs = [
            LogContent(1, 9, "a", "b", 1, 1),
            LogContent(2, 9, "d", "f", 1, 1),
            LogContent(3, 9, "c", "d", 1, 1),
            LogContent(4, 9, "g", "h", 1, 1),
        ]
        self.assertEqual(self.loaded(*logs), [[1], [2, 3], [4]])

    def test_a_log_with_older_ids_than_all_joins_all(self) -> None:
        logs = [LogContent(1, 9, "c", "d"), LogContent(2, 9, "e", "f"), LogContent(3, 9, "a", "b")]
        self.assertEqual(self.loaded(*logs), [[1, 2, 3]])
