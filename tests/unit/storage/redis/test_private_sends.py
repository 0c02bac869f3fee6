"""Private messages that share a script: what is sent, and what becomes of the reply."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from hiredis import ReplyError
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import Unavailable
from gim.model import Sent
from gim.storage.announcements import MessageStored
from gim.storage.redis.store import private_sends
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.private_sends import PrivateSends
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.subscriptions import Subscription, Subscriptions
from tests.support.storage_behaviour.base import private

IDS = [f"{number:032x}" for number in range(1, 4)]


class Others:
    """Stands for the servers, the heartbeat, and what hears announcements."""

    def __init__(self) -> None:
        self.runs: list[Deferred[Any]] = []
        self.words: list[tuple[Any, ...]] = []
        self.noted: list[tuple[str, str]] = []
        self.heard: list[tuple[str, str, str]] = []

    def deadline(self, base: str, seconds: float = 1.5) -> int:
        return int(seconds * 1000)

    async def run(self, script: Any, bases: tuple[str, ...], *words: Any) -> Any:
        self.words.append((*bases, *words))
        self.runs.append(Deferred())
        return await self.runs[-1]

    def explained(self, base: str, error: ReplyError) -> Exception:
        return Unavailable("refused") if str(error).startswith("OOM") else error

    def retention_start(self) -> str:
        return "0"

    def mark_seen(self, message_id: str) -> None:
        self.noted.append(("seen", message_id))

    def answered(self, message_id: str) -> None:
        self.noted.append(("answered", message_id))

    def hear(self, subscription: Subscription, news: MessageStored) -> None:
        self.heard.append((subscription.user_id, news.message.id, news.title))


class PrivateSendsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.others = others = Others()
        self.runs, self.words, self.heard = others.runs, others.words, others.heard
        self.subscriptions = Subscriptions(Keys("gim"), None)
        for user_id in ("ann", "bob"):
            self.subscriptions.add_user(user_id)
        self.sends = PrivateSends(
            cast(Any, others),
            Keys("gim"),
            cast(Any, others),
            Retention(1000, 100, False, cast(Any, SimpleNamespace())),
            self.subscriptions,
            others.hear,
            self.clock,
        )

    def send(self, *pairs: tuple[str, str], **more: Any) -> list[Deferred[Any]]:
        return [self.sends.append(private(*pair, **more)) for pair in pairs]

    def test_those_of_one_iteration_share_a_script(self) -> None:
        self.send(("ann", "bob"), ("bob", "cat"))
        self.assertEqual(self.runs, [])
        self.clock.advance(0)
        (words,) = self.words
        users = [f"gim:{{u:{user}}}" for user in ("ann", "bob", "bob", "cat")]
        sessions = ["gim:{s:2:ann:bob}", "gim:{s:2:bob:cat}"]
        self.assertEqual(list(words[:7]), ["gim:{gim}", *users, *sessions])
        self.send(("ann", "bob"))
        self.clock.advance(0)
        self.assertEqual(len(self.runs), 2)

    def test_many_are_sent_in_several(self) -> None:
        self.patch(private_sends, "MAX_TOGETHER", 2)
        self.send(*[("ann", "bob")] * 5)
        self.assertEqual(len(self.runs), 2)
        self.clock.advance(0)
        self.assertEqual((len(self.runs), self.clock.getDelayedCalls()), (3, []))

    def test_what_is_not_published_is_announced_before_the_answer(self) -> None:
        (first,) = self.send(("ann", "bob"))
        (second,) = self.send(("bob", "ann"), is_alone=True)
        self.clock.advance(0)
        heard_before: list[int] = []

        def answered(sent: Sent) -> None:
            heard_before.append(len(self.heard))

        first.addCallback(answered)
        results = [[IDS[0].encode(), 0, b"Ann", b"Bob"], [IDS[1].encode(), 0, b"Bob"]]
        self.runs[0].callback([1, *results])
        self.assertEqual(heard_before, [2])
        announced = [("bob", IDS[0], "Ann"), ("ann", IDS[0], "Bob"), ("ann", IDS[1], "Bob")]
        self.assertEqual(self.heard, announced)
        self.assertEqual(self.others.noted, [("seen", IDS[0]), ("seen", IDS[1])])
        self.assertEqual(self.successResultOf(second), Sent(IDS[1], "2:ann:bob", 0, 0))
        self.assertEqual(self.sends.stored, 2)

    def test_what_is_published_may_still_come(self) -> None:
        self.send(("ann", "bob"), ("bob", "ann"))
        self.clock.advance(0)
        self.runs[0].callback([0, *([one.encode(), 0, b"Ann", b"Bob"] for one in IDS[:2])])
        self.assertEqual((self.heard, self.others.noted), ([], [("answered", IDS[1])]))

    def test_a_held_subscription_counts_as_none(self) -> None:
        self.subscriptions.add_user("bob").miss(IDS[0])
        self.send(("ann", "bob"), is_alone=True)
        self.clock.advance(0)
        self.assertIn("10", self.words[0])
        self.runs[0].callback([1, [IDS[1].encode(), 0, b"Ann"]])
        self.assertEqual(self.heard, [])

    def test_each_has_a_result_of_its_own(self) -> None:
        sent = self.send(*[("ann", "bob")] * 5)
        self.clock.advance(0)
        again, new = [IDS[0].encode(), 7, 1], [IDS[1].encode(), 8, b"Ann"]
        self.runs[0].callback([1, b"late", ReplyError("OOM"), ReplyError("WRONGTYPE"), again, new])
        self.assertEqual(self.successResultOf(sent[0]), b"late")
        self.failureResultOf(sent[1], Unavailable)
        self.failureResultOf(sent[2], ReplyError)
        self.assertEqual(self.successResultOf(sent[3]), Sent(IDS[0], "2:ann:bob", 7, 0))
        self.assertEqual(self.successResultOf(sent[4]).sequence, 8)
        self.assertEqual((self.sends.stored, len(self.heard)), (1, 1))

    def test_a_fault_is_one_of_all(self) -> None:
        sent = self.send(("ann", "bob"), ("bob", "ann"))
        self.clock.advance(0)
        self.runs[0].errback(Unavailable("away"))
        for one in sent:
            self.failureResultOf(one, Unavailable)

    def test_an_announcement_that_fails_is_logged(self) -> None:
        self.patch(self.sends, "_hear", lambda *_: 1 / 0)
        (sent,) = self.send(("ann", "bob"))
        self.clock.advance(0)
        self.runs[0].callback([1, [IDS[0].encode(), 0, b"Ann"]])
        self.assertEqual(self.successResultOf(sent).id, IDS[0])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
