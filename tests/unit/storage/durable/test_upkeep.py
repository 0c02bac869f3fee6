"""Checkpoints are made and logs go, so that the disk holds little more than what lives."""

from __future__ import annotations

import os
import shutil
from errno import ENOSPC
from random import Random
from tempfile import mkdtemp
from typing import Any

from twisted.internet.defer import Deferred

from gim.ids import SYSTEM
from gim.journal import pace
from gim.journal.files import LOG, STATE, TEMPORARY, path_of, read_file
from gim.model import User
from gim.storage.durable import state
from gim.storage.durable.ledger import ERASE_AFTER_START
from gim.storage.durable.upkeep import TIDY_INTERVAL
from gim.storage.memory import endings
from tests.support.clocks import HOUR
from tests.support.journal.upkeep import ANN, BOB, Crashing, Failing, KeptStore, UpkeepTestCase

SEGMENT_SIZE = 4096


class CheckpointTests(UpkeepTestCase):
    """A checkpoint is made when a log is full, and only then."""

    def test_a_full_log_is_followed_by_a_checkpoint(self) -> None:
        process = self.start()
        for _ in range(100):
            self.send(process, "x" * 200)
        self.wait(1.0)
        self.assertEqual(self.numbers(STATE), [process.journal.position[0]])
        self.assertGreater(self.numbers(STATE)[0], 1)

    def test_nothing_is_written_while_nothing_happens(self) -> None:
        process = self.start()
        self.send(process, "hello")
        self.wait(HOUR)
        self.assertEqual((self.numbers(), self.numbers(STATE)), ([1], []))

    def test_a_restart_needs_no_checkpoint(self) -> None:
        process = self.start()
        for _ in range(100):
            self.send(process, "x" * 200)
        self.wait(1.0)
        process.end()
        before = self.numbers(), self.numbers(STATE), self.content()
        self.start()
        self.wait(HOUR)
        self.assertEqual((self.numbers(), self.numbers(STATE), self.content()), before)

    def content(self) -> dict[str, bytes]:
        names = os.listdir(self.path)
        files = {name: read_file(os.path.join(self.path, name)) for name in names}
        return {name: content.rstrip(b"\0") for name, content in files.items() if name != "LOCK"}

    def test_a_log_that_filled_before_a_crash_gets_its_checkpoint(self) -> None:
        process = self.start(Crashing(0))
        for _ in range(100):
            self.send(process, "x" * 200)
        process.end(killed=True)
        process = self.start()
        self.wait(1.0)
        self.assertEqual(self.numbers(STATE), [process.journal.position[0]])

    def test_what_changes_meanwhile_is_there_after_a_crash(self) -> None:
        self.patch(pace, "STEP", 0.0)
        self.patch(state, "PORTION", 3)
        for seed in range(12):
            self.path = mkdtemp()
            self.addCleanup(shutil.rmtree, self.path)
            random, process = Random(seed), self.start()
            while 10 not in self.numbers() and self.clock.seconds() < 2e9:
                self.act(process, random)
                self.clock.advance(random.choice([0.0, 0.0025, 0.01, 0.3]))
            before = self.known(process)
            process.end(killed=True)
            self.assertGreater(len(self.numbers(STATE)), 0)
            self.assertEqual(self.known(self.start()), before, seed)

    def act(self, process: KeptStore, random: Random) -> None:
        user = random.choice([ANN, BOB])
        match random.randrange(12):
            case 0:
                self.done(process.store.chatrooms.join("r", user, ""))
            case 1 if "r" in process.data.people.make(user.id).rooms:
                self.done(process.store.chatrooms.leave("r", user.id))
            case 2 if process.data.archive.find_chatroom("r") is not None:
                self.done(process.store.moderation.dismiss("r", SYSTEM))
            case 3 | 4 if len(process.data.archive.messages):
                message = random.choice(list(process.data.archive.messages))
                self.recall(process, message)
            case 5 if "r" in process.data.people.make(user.id).rooms:
                self.send(process, "x" * random.randrange(300), room="r", sender=user)
            case _:
                self.send(process, "x" * random.randrange(900), to=random.choice("abcdef"))

    def known(self, process: KeptStore) -> list[object]:
        archive, people = process.data.archive, process.data.people
        conversations = sorted(archive._conversations)
        rooms = {user: list(people.make(user).rooms) for user in ("ann", "bob")}
        sequences = [(one, archive[one].sequence, archive[one].count) for one in conversations]
        return [self.texts(process), rooms, sequences, sorted(archive.emptied())]


class DismissalTests(UpkeepTestCase):
    """A process ends while the members of a chatroom that was dismissed are being taken out."""

    def interrupted(self) -> KeptStore:
        """Return a process that has begun to dismiss a chatroom of many members."""
        self.patch(endings, "PAUSE", HOUR)
        process = self.start()
        for number in range(3 * endings.STEPS_OF_PORTION):
            user = User(f"user{number}", "")
            self.done(process.store.chatrooms.join("r", user, ""))
        self.send(process, "text", room="r", sender=User("user0", ""))
        Deferred.fromCoroutine(process.store.moderation.dismiss("r", SYSTEM))
        self.assertEqual(len(process.data.memberships), 2 * endings.STEPS_OF_PORTION)
        return process

    def assertGone(self, process: KeptStore) -> None:
        sizes = process.data.sizes()
        self.assertEqual([sizes[kind] for kind in ("messages", "conversations", "memberships")], [0] * 3)
        for members in range(2):
            self.assertEqual(len(process.data.memberships), members)
            self.assertEqual(self.done(process.store.chatrooms.join("r", BOB, "")), 1)
            process.end(killed=True)
            process = self.start()

    def test_the_next_start_finishes_it(self) -> None:
        self.interrupted().end(killed=True)
        self.assertGone(self.start())

    def test_a_checkpoint_meanwhile_has_no_member_of_it(self) -> None:
        process = self.interrupted()
        process.journal.roll()
        self.wait(2.0)
        self.assertEqual(self.numbers(STATE), [process.journal.position[0]])
        self.assertEqual(len(process.data.memberships), 2 * endings.STEPS_OF_PORTION)
        process.end(killed=True)
        self.assertGone(self.start())


class SequenceTests(UpkeepTestCase):
    """Sequences go on after a time without them, whatever a checkpoint has seen."""

    def sequences(self, process: KeptStore) -> list[int]:
        return [self.send(process, "text", room=room).sequence for room in ("", "r")]

    def test_messages_that_are_not_numbered(self) -> None:
        process = self.start(sequences=True)
        self.done(process.store.chatrooms.join("r", ANN, ""))
        self.assertEqual([self.sequences(process) for _ in range(2)], [[1, 1], [2, 2]])
        process.end()
        for has_checkpoint in False, True:
            process = self.start(sequences=False)
            self.assertEqual(self.sequences(process), [0, 0])
            if has_checkpoint:
                process.journal.roll()
                self.wait(1.0)
            process.end(killed=True)
        self.assertEqual(len(self.numbers(STATE)), 1)
        self.assertEqual(self.sequences(self.start(sequences=True)), [3, 3])


class SizeTests(UpkeepTestCase):
    """The disk holds little more than what lives."""

    def live(self, process: KeptStore) -> int:
        return sum(100 + len(content.encode()) for _, content, _ in self.texts(process))

    def check(self, process: KeptStore, segment_size: int) -> None:
        states = sum(os.stat(path_of(self.path, STATE, one)).st_size for one in self.numbers(STATE))
        self.assertLess(self.used(), 1.5 * self.live(process) + 2 * states + 2.5 * segment_size + 8192)

    def test_caps_and_ages_keep_the_disk_small(self) -> None:
        size = 64 * 1024
        limits: list[dict[str, Any]] = [
            {"max_messages": 500, "max_session_messages": 500},
            {"max_messages": 10**6, "max_session_messages": 5},
            {"max_messages": 10**6, "max_session_messages": 100, "ttl": 40.0},
        ]
        for seed, changes in enumerate(limits):
            self.path = mkdtemp()
            self.addCleanup(shutil.rmtree, self.path)
            random, process = Random(seed), self.start(segment_size=size, **changes)
            for number in range(3000):
                rare = number % 40 == 0
                text = random.choice(["x", "你"]) * random.randrange(1, 300)
                self.send(process, text, to=f"rare{number}" if rare else f"u{random.randrange(30)}")
                self.clock.advance(random.choice([0.0, 0.0, 0.05]))
                if number % 100 == 0:
                    process.data.sweep(1000)
                    self.wait(TIDY_INTERVAL if changes.get("ttl") is None else 1.0)
                    self.check(process, size)
            while process.data.sweep(1000):
                pass
            before = self.texts(process)
            process.end(killed=True)
            self.assertEqual(self.texts(self.start()), before)

    def test_logs_without_live_messages_go(self) -> None:
        process = self.start(max_messages=10)
        for _ in range(1000):
            self.send(process, "x" * 200)
            self.clock.advance(0.1)
        self.assertLessEqual(len(self.numbers()), 2)

    def test_small_logs_are_joined(self) -> None:
        process = self.start(max_session_messages=3)
        for number in range(2000):
            self.send(process, "x" * 200, to=f"rare{number}" if number % 50 == 0 else "bob")
            self.clock.advance(0.1)
        self.wait(TIDY_INTERVAL)
        self.assertLessEqual(len(self.numbers()), 4)
        self.assertGreater(self.numbers()[-1], 20)


class EraseTests(UpkeepTestCase):
    """Content that was recalled, or is of a chatroom that ended, leaves the disk within an hour."""

    def check_gone(self, *texts: str) -> None:
        content = self.on_disk()
        for text in texts:
            self.assertNotIn(text.encode(), content)

    def test_recalled_content_goes_from_all_logs(self) -> None:
        process = self.start(max_session_messages=70)
        sent = [self.send(process, f"text-{number:04}-" + "x" * 200) for number in range(200)]
        recalled = [149, 170, 199]
        for number in recalled:
            self.recall(process, sent[number])
        before = self.texts(process)
        self.assertIn(b"text-0199-", self.on_disk())
        self.wait(HOUR)
        self.check_gone(*(f"text-{number:04}-" for number in recalled))
        self.assertIn(b"text-0198-", self.on_disk())
        self.assertEqual(self.texts(process), before)
        process.end(killed=True)
        self.assertEqual(self.texts(self.start()), before)

    def test_content_goes_though_nothing_else_is_written(self) -> None:
        process = self.start()
        self.recall(process, self.send(process, "secret"))
        self.wait(HOUR)
        self.check_gone("secret")
        self.assertEqual(len(self.numbers()), 2)
        self.wait(HOUR)
        self.assertEqual(len(self.numbers()), 2)

    def test_content_goes_though_the_server_starts_again_and_again(self) -> None:
        process = self.start()
        self.recall(process, self.send(process, "secret"))
        for _ in range(5):
            self.wait(10 * 60.0)
            process.end(killed=True)
            process = self.start()
        self.wait(10 * 60.0)
        self.check_gone("secret")

    def test_all_content_of_a_dismissed_chatroom_goes(self) -> None:
        process = self.start(max_session_messages=20)
        self.done(process.store.chatrooms.join("r", ANN, ""))
        for number in range(150):
            self.send(process, f"secret-{number} " + "x" * 100, room="r")
            self.send(process, f"public-{number % 2} " + "x" * 100)
        self.done(process.store.moderation.dismiss("r", SYSTEM))
        self.wait(HOUR)
        self.check_gone("secret")
        self.assertIn(b"public-1", self.on_disk())

    def test_content_goes_with_the_last_member(self) -> None:
        process = self.start()
        self.done(process.store.chatrooms.join("r", ANN, ""))
        self.send(process, "secret", room="r")
        self.done(process.store.chatrooms.leave("r", ANN.id))
        self.wait(HOUR)
        self.check_gone("secret")

    def test_content_that_is_recalled_while_its_log_is_written_again_goes_later(self) -> None:
        self.patch(pace, "STEP", 0.0)
        process = self.start()
        first, *_, last = [self.send(process, f"text-{number}-") for number in range(100)]
        self.recall(process, first)
        while process.journal.position[0] == 1:
            self.clock.advance(1.0)
        self.clock.advance(0.0025)
        while not self.is_rewriting():
            self.clock.advance(0.001)
        self.recall(process, last)
        self.wait(HOUR)
        self.check_gone("text-0-", "text-99-")
        self.assertIn(b"text-98-", self.on_disk())

    def is_rewriting(self) -> bool:
        return any(name.startswith(LOG) and name.endswith(TEMPORARY) for name in os.listdir(self.path))

    def test_a_damaged_log_stays_as_it_is(self) -> None:
        process = self.start()
        sent = [self.send(process, f"text-{number}-" + "x" * 200) for number in range(150)]
        self.wait(1.0)
        with open(path_of(self.path, LOG, 1), "r+b") as file:
            file.seek(300)
            file.write(b"damage")
        before = read_file(path_of(self.path, LOG, 1))
        self.recall(process, sent[3])
        self.wait(2 * HOUR)
        self.assertEqual(read_file(path_of(self.path, LOG, 1)), before)
        self.assertEqual(process.ledger.damaged, 1)


class DisasterTests(UpkeepTestCase):
    """A crash or a refusing disk at any moment leaves files that load."""

    def setUp(self) -> None:
        super().setUp()
        self.base = self.path
        process = self.start(Crashing(0), segment_size=SEGMENT_SIZE, max_session_messages=15)
        self.done(process.store.chatrooms.join("r", ANN, ""))
        self.done(process.store.chatrooms.join("gone", ANN, ""))
        for number in range(120):
            room = {0: "r", 1: "gone"}.get(number % 10, "")
            to = f"rare{number}" if number % 9 == 0 else "bob"
            sent = self.send(process, f"text-{number}-" + "x" * 100, room=room, to=to)
            if number % 7 == 0:
                self.recall(process, sent)
        self.done(process.store.moderation.dismiss("gone", SYSTEM))
        self.before = self.texts(process)
        process.end(killed=True)

    def again(self) -> None:
        """Begin with what the first process left."""
        self.path = mkdtemp()
        self.addCleanup(shutil.rmtree, self.path)
        shutil.copytree(self.base, self.path, dirs_exist_ok=True)

    def test_a_crash_after_any_step(self) -> None:
        for jobs in range(1000):
            self.again()
            threads = Crashing(jobs)
            process = self.start(threads)
            self.wait(ERASE_AFTER_START + TIDY_INTERVAL + 1.0)
            self.assertEqual(self.texts(process), self.before)
            process.end(killed=True)
            process = self.start()
            self.assertEqual(self.texts(process), self.before, jobs)
            if jobs % 5 == 0:
                self.check_tidy(process)
            process.end(killed=True)
            if threads.left:
                break
        self.assertGreater(jobs, 50)

    def check_tidy(self, process: KeptStore) -> None:
        """Let a process do all that is to be done, and check that nothing is left over."""
        self.wait(ERASE_AFTER_START + TIDY_INTERVAL + 1.0)
        self.assertEqual(self.texts(process), self.before)
        content = self.on_disk()
        for number in (0, 1, 7, 11, 111):  # recalled, or of the chatroom that ended
            self.assertNotIn(f"text-{number}-".encode(), content)
        for message_id, text, _ in self.before:
            self.assertEqual(content.count(message_id.encode()) >= 1, True, text)
        self.assertNotIn(TEMPORARY, " ".join(os.listdir(self.path)))
        self.assertLessEqual(len(self.numbers(STATE)), 1)

    def test_a_disk_that_refuses_any_step(self) -> None:
        for job in range(1000):
            self.again()
            threads = Failing(job, OSError(ENOSPC, "No space left on device"))
            process = self.start(threads)
            self.wait(ERASE_AFTER_START + TIDY_INTERVAL + 1.0)
            self.assertNotIn(TEMPORARY, " ".join(os.listdir(self.path)))
            self.assertEqual(self.texts(process), self.before)
            if job % 2 == 0:
                self.wait(2 * TIDY_INTERVAL)
                self.check_tidy(process)
            process.end(killed=True)
            self.assertEqual(self.texts(self.start()), self.before, job)
            if not threads.has_failed:
                break
        self.assertGreater(job, 50)

    def test_stopping_leaves_no_temporary_file(self) -> None:
        self.patch(pace, "STEP", 0.0)
        self.patch(state, "PORTION", 1)
        for steps in range(0, 40, 3):
            self.again()
            process = self.start()
            self.clock.advance(1.0)
            self.work(steps)
            process.end()
            self.assertNotIn(TEMPORARY, " ".join(os.listdir(self.path)))
            self.assertEqual(self.texts(self.start()), self.before)
