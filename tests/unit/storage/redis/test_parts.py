"""Parts of the Redis store among stand-ins of the others."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import BadRequest, Unavailable
from gim.storage.redis.client.reply_budget import ReplyBudget
from gim.storage.redis.store import resync, scripts
from gim.storage.redis.store.batches import BASES_PER_SCRIPT, run_for_each
from gim.storage.redis.store.finding import KEYS_PER_SCAN, SCANS_PER_PAGE, Finder
from gim.storage.redis.store.messages import SECOND_ATTEMPT_WITHIN, RedisMessages
from gim.storage.redis.store.reading import Reading
from gim.storage.redis.store.resync import Resync
from tests.support.storage_behaviour.base import private


class People:
    """Users who all leave, and watches that are empty. The leaving waits until a test ends it."""

    def __init__(self) -> None:
        self.leaving: list[tuple[str, Deferred[Any]]] = []

    async def disconnect(self, user_id: str) -> None:
        waiting: Deferred[Any] = Deferred()
        self.leaving.append((user_id, waiting))
        await waiting

    def end(self, result: Any) -> list[str]:
        """End what waits; return the users."""
        leaving, self.leaving = self.leaving, []
        for _, waiting in leaving:
            waiting.callback(result)
        return [user_id for user_id, _ in leaving]

    def user(self, user_id: str) -> None:
        """Say that nobody is connected."""

    def __iter__(self) -> Any:
        return iter(())


AWAY = Failure(Unavailable("away"))


class LeavingTests(SynchronousTestCase):
    """Who left is said to Redis until it has heard it."""

    def setUp(self) -> None:
        part: Any = People()
        self.people, self.clock = part, Clock()
        self.resync = Resync(part, part, part, part, part, part, part, self.fail, self.clock)

    def test_a_user_who_left_twice_is_told_of_again_when_the_second_word_got_lost(self) -> None:
        for _ in range(2):
            self.resync.leave("ann")
        (_, first), (_, second) = self.people.leaving
        first.callback(None)
        second.callback(AWAY)
        self.people.leaving.clear()
        self.resync.begin()
        self.assertEqual(self.people.end(None), ["ann"])
        self.resync.begin()
        self.assertEqual((self.people.end(None), self.clock.getDelayedCalls()), ([], []))

    def test_not_all_are_tried_while_nobody_can_be_told(self) -> None:
        self.patch(resync, "LEAVING_AT_A_TIME", 10)
        for number in range(25):
            self.resync.leave(f"u{number}")
        self.people.end(AWAY)
        self.resync.begin()
        self.assertEqual((len(self.people.end(AWAY)), self.people.leaving), (10, []))
        self.resync.begin()
        self.assertEqual([len(self.people.end(None)) for _ in range(4)], [10, 10, 5, 0])


class LateTests(SynchronousTestCase):
    """A script that found its deadline over."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.replies: list[tuple[float, Any]] = []
        self.measured = 0
        part: Any = self
        unused: Any = Mock()
        self.messages = RedisMessages(part, part, part, part, unused, unused, part, unused, self.clock)

    # what `RedisMessages` asks of the other parts

    def session(self, session_id: str) -> str:
        return session_id

    async def measure(self, base: str) -> None:
        self.measured += 1

    def answered(self, message_id: str) -> None:
        """Take no notice."""

    async def append(self, draft: Any) -> Any:
        seconds, reply = self.replies.pop(0)
        self.clock.advance(seconds)
        return reply

    def result(self, *replies: tuple[float, Any]) -> Any:
        self.replies = list(replies)
        sent = Deferred.fromCoroutine(self.messages.append(private("ann", "bob")))
        return self.successResultOf(sent.addErrback(lambda failure: failure.value))

    def test_it_is_run_again_when_a_clock_was_set(self) -> None:
        stored = [b"0" * 32, 0]
        self.assertEqual(self.result((0.01, b"late"), (0.01, stored)).id, "0" * 32)
        self.assertEqual(self.measured, 1)

    def test_it_is_not_run_again_when_there_is_no_time_for_it(self) -> None:
        refused = self.result((SECOND_ATTEMPT_WITHIN, b"late"))
        self.assertIsInstance(refused, Unavailable)
        self.assertEqual(self.measured, 0)


class Servers:
    """Answers each base of a script with the base itself, and counts the runs."""

    def __init__(self, is_cluster: bool) -> None:
        self.is_cluster = is_cluster
        self.runs: list[int] = []  # how many bases each had
        self.sizes: dict[str, int] = {}  # of answers, in bytes
        self.budget = ReplyBudget()

    def replies(self, base: str) -> ReplyBudget:
        return self.budget

    async def run(self, script: Any, bases: tuple[str, ...], *words: Any) -> list[str] | int:
        self.runs.append(len(bases))
        needed = sum(self.sizes.get(base, 0) for base in bases)
        return list(bases) if needed <= words[-1] else needed


class BatchTests(SynchronousTestCase):
    def ask(self, is_cluster: bool, count: int, **sizes: int) -> Servers:
        servers: Any = Servers(is_cluster)
        servers.sizes = sizes
        bases = [f"base{number}" for number in range(count)]
        reading = Reading(servers, "ann")
        asking = Deferred.fromCoroutine(run_for_each(reading, 100, scripts.PEOPLE, bases, 1))
        self.assertEqual(self.successResultOf(asking), bases)
        found: Servers = servers
        return found

    def test_one_server_answers_for_many_at_a_time(self) -> None:
        self.assertEqual(self.ask(False, 2 * BASES_PER_SCRIPT + 1).runs, [BASES_PER_SCRIPT] * 2 + [1])
        self.assertEqual(self.ask(False, 0).runs, [])

    def test_a_cluster_answers_for_one_at_a_time(self) -> None:
        self.assertEqual(self.ask(True, 3).runs, [1, 1, 1])

    def test_answers_that_are_larger_than_expected_come_fewer_at_a_time(self) -> None:
        self.assertEqual(self.ask(False, 4, base1=300, base2=300).runs, [4, 2, 1, 1, 1, 2, 1, 1, 1])
        self.assertEqual(self.ask(False, 4, base1=300).runs, [4])


class FinderTests(SynchronousTestCase):
    """Finding ids among the keys of a server, of which only some match."""

    def setUp(self) -> None:
        self.scans: list[tuple[str, str, int]] = []
        self.replies: list[list[bytes]] = []
        servers: Any = self
        self.finder = Finder(servers)

    async def scan(self, cursor: str, pattern: str, count: int) -> tuple[list[bytes], str]:
        self.scans.append((cursor, pattern, count))
        keys = self.replies.pop(0) if self.replies else []
        return keys, str(len(self.scans))

    def find(self, prefix: str, cursor: str, count: int) -> tuple[list[str], str]:
        work = self.finder.find(("gim:{u:", "}:user"), prefix, cursor, count)
        return self.successResultOf(Deferred.fromCoroutine(work))

    def test_the_ids_are_cut_out_of_the_keys_each_once(self) -> None:
        self.replies = [[b"gim:{u:a}:user}:user", b"gim:{u:a\xc3\xa9}:user"] * 2]
        self.assertEqual(self.find("", "5", 2), (["a}:user", "a\xe9"], "1"))

    def test_while_too_few_keys_match_more_and_more_are_passed_over_up_to_a_limit(self) -> None:
        self.assertEqual(self.find("a*", "7", 100), ([], str(SCANS_PER_PAGE)))
        self.assertEqual({pattern for _, pattern, _ in self.scans}, {r"gim:{u:a\**}:user"})
        sizes = [count for _, _, count in self.scans]
        self.assertEqual(sizes[:5], [100, 200, 400, 800, KEYS_PER_SCAN])
        self.assertEqual(set(sizes[5:]), {KEYS_PER_SCAN})
        self.assertEqual([cursor for cursor, _, _ in self.scans[:3]], ["7", "1", "2"])

    def test_a_page_that_is_full_ends_with_its_scan(self) -> None:
        self.replies = [[], [b"gim:{u:%d}:user" % number for number in range(5)]]
        ids, cursor = self.find("", "", 3)
        self.assertEqual((len(ids), cursor), (5, "2"))

    def test_only_the_first_page_begins_with_the_prefix_itself(self) -> None:
        self.assertEqual(self.find("ann", "", 1)[0], ["ann"])
        self.assertEqual(self.find("ann", "7", 1)[0], [])

    def test_a_cursor_that_is_not_one_is_refused(self) -> None:
        async def scan(*words: Any) -> Any:
            raise ValueError

        self.patch(self, "scan", scan)
        work = self.finder.find(("gim:{u:", "}:user"), "", "nonsense", 1)
        self.failureResultOf(Deferred.fromCoroutine(work), BadRequest)
