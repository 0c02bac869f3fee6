"""How many bytes of replies are asked for at a time, and which reads come first."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import Unavailable
from gim.storage.redis.client import reply_budget
from gim.storage.redis.client.reply_budget import ReplyBudget
from gim.storage.redis.client.script import Script
from gim.storage.redis.store.reading import BYTES_PER_REPLY, Reading

SCRIPT = Script("script", "return 1")


class Servers:
    """Stands for the servers: keeps each read that is asked for until the test answers it."""

    def __init__(self) -> None:
        self.budget = ReplyBudget()
        self.is_away = False
        self.asked: list[tuple[str, Deferred[Any]]] = []  # a word of the read, and its reply

    def replies(self, base: str) -> ReplyBudget:
        return self.budget

    def run(self, script: Script, bases: tuple[str, ...], *words: Any) -> Deferred[Any]:
        return self.call(*bases, *words)

    def call(self, base: str, *words: Any) -> Deferred[Any]:
        if self.is_away:
            raise Unavailable("away")
        self.asked.append((words[0], Deferred()))
        return self.asked[-1][1]

    @property
    def under_way(self) -> list[str]:
        return [word for word, _ in self.asked]

    def answer(self, reply: Any = None) -> str:
        """Answer the oldest read; return its word."""
        word, replied = self.asked.pop(0)
        replied.callback(reply)
        return word


class ReplyBudgetCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(reply_budget, "MAX_REPLY_BYTES", 4000)
        self.servers = Servers()
        self.addCleanup(self.answer_all)  # else the garbage collection would end reads at any time

    def reading(self, reader: str, is_long: bool = False) -> Reading:
        servers: Any = self.servers
        return Reading(servers, reader, is_long)

    def read(self, reading: Reading, word: str, size: int = 1000) -> Deferred[Any]:
        return Deferred.fromCoroutine(reading.call(size, "base", word))

    def answer_all(self) -> list[str]:
        """Answer one read after the other; return their words."""
        words = []
        while self.servers.asked:
            words.append(self.servers.answer())
        return words


class BudgetTests(ReplyBudgetCase):
    def test_reads_are_asked_for_until_their_replies_make_up_the_budget(self) -> None:
        reads = [self.read(self.reading("ann"), str(number)) for number in range(6)]
        self.assertEqual(self.servers.under_way, ["0", "1", "2", "3"])
        self.servers.answer("reply")
        self.assertEqual(self.successResultOf(reads[0]), "reply")
        self.assertEqual(self.servers.under_way, ["1", "2", "3", "4"])
        self.assertEqual(self.answer_all(), ["1", "2", "3", "4", "5"])

    def test_small_replies_count_as_a_minimum(self) -> None:
        for number in range(10):
            self.read(self.reading("ann"), str(number), size=1)
        self.assertEqual(len(self.servers.asked), 4000 // reply_budget.MIN_REPLY_BYTES)

    def test_a_reply_above_the_budget_comes_alone(self) -> None:
        self.read(self.reading("ann"), "small")
        self.read(self.reading("bob"), "large", size=9000)
        self.read(self.reading("cid"), "behind")
        self.assertEqual(self.servers.under_way, ["small"])
        self.servers.answer()
        self.assertEqual(self.servers.under_way, ["large"])
        self.assertEqual(self.answer_all(), ["large", "behind"])

    def test_users_are_served_in_turn(self) -> None:
        for number in range(8):
            self.read(self.reading("ann"), f"ann {number}")
        self.read(self.reading("bob"), "bob")
        self.read(self.reading("cid"), "cid")
        self.assertEqual(self.answer_all()[4:], ["ann 4", "bob", "cid", "ann 5", "ann 6", "ann 7"])

    def test_long_operations_end_one_after_the_other_and_let_others_in_between(self) -> None:
        first, second = (self.reading(reader, is_long=True) for reader in ("ann", "bob"))
        for _ in range(4):
            self.read(self.reading("eve"), "full")
        for number in range(2):
            for name, reading in (("second", second), ("first", first)):
                self.read(reading, f"{name} {number}")
            self.read(self.reading("cid"), f"short {number}")
        in_turn = ["short 0", "first 0", "short 1", "first 1", "second 0", "second 1"]
        self.assertEqual(self.answer_all()[4:], in_turn)

    def test_an_operation_is_long_once_it_has_asked_for_much(self) -> None:
        self.patch(reply_budget, "MAX_REPLY_BYTES", 2 * BYTES_PER_REPLY)
        self.servers.budget = ReplyBudget()
        reading = self.reading("ann")
        for _ in range(2):
            self.assertFalse(reading.is_long)
            self.read(reading, "page", size=BYTES_PER_REPLY)
        self.assertTrue(reading.is_long)

    def test_too_many_that_wait_are_refused(self) -> None:
        self.patch(reply_budget, "MAX_WAITING", 2)
        reads = [self.read(self.reading("ann"), "read") for _ in range(7)]
        self.failureResultOf(reads[-1], Unavailable)
        self.assertEqual(len(self.answer_all()), 6)

    def test_many_that_fail_at_once_are_all_served(self) -> None:
        reads = [self.read(self.reading("ann"), "read") for _ in range(3000)]
        waiting, self.servers.asked = self.servers.asked, []
        self.servers.is_away = True
        for _, replied in waiting:
            replied.errback(Unavailable("away"))
        for read in reads:
            self.failureResultOf(read, Unavailable)


class CancelledTests(ReplyBudgetCase):
    """A request is given up."""

    def test_a_read_that_waits_is_not_asked_for(self) -> None:
        reads = [self.read(self.reading("ann"), str(number)) for number in range(6)]
        reads[4].cancel()
        self.failureResultOf(reads[4], CancelledError)
        self.assertEqual(self.answer_all(), ["0", "1", "2", "3", "5"])

    def test_those_behind_it_go_on_if_they_fit(self) -> None:
        self.read(self.reading("ann"), "small")
        large = self.read(self.reading("ann"), "large", size=9000)
        self.read(self.reading("ann"), "behind")
        large.cancel()
        self.failureResultOf(large, CancelledError)
        self.assertEqual(self.servers.under_way, ["small", "behind"])

    def test_a_reply_under_way_counts_until_it_is_here(self) -> None:
        reads = [self.read(self.reading("ann"), str(number)) for number in range(5)]
        reads[0].cancel()
        self.failureResultOf(reads[0], CancelledError)
        self.assertEqual(self.servers.under_way, ["0", "1", "2", "3", "PING"])
        self.servers.asked.insert(1, self.servers.asked.pop())  # so that 1, 2 and 3 are still under way
        self.servers.answer()
        self.assertEqual(self.servers.under_way, ["PING", "1", "2", "3"])
        self.servers.answer()
        self.assertEqual(self.servers.under_way, ["1", "2", "3", "4"])


class WholeReplyTests(ReplyBudgetCase):
    def test_a_reply_that_needs_more_bytes_is_asked_for_again(self) -> None:
        reading = self.reading("ann")
        read = Deferred.fromCoroutine(reading.run_whole(1000, SCRIPT, ("base",), "word"))
        self.read(self.reading("bob"), "small", size=2000)
        self.servers.answer(3000)
        self.assertEqual(self.servers.under_way, ["small"])
        self.servers.answer()
        self.servers.answer(["whole"])
        self.assertEqual(self.successResultOf(read), ["whole"])
