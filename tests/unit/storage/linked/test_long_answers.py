"""Questions whose answers may be long: so many are under way at a time."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import NotFound
from gim.link.channel import Channel
from gim.storage.linked.calls import ChatroomsOf
from gim.storage.linked.long_answers import MAX_UNDER_WAY, LongAnswers


class LinkThatWaits:
    """Stands for a channel: a test answers by hand."""

    def __init__(self) -> None:
        self.answers: list[Deferred[Any]] = []  # to all questions so far

    def ask(self, question: ChatroomsOf, result: type[Any], seconds: float) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        self.answers.append(answer)
        return answer


class LongAnswersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.link = LinkThatWaits()
        self.long_answers = LongAnswers(cast(Channel, self.link))
        self.asked = [self.ask() for _ in range(MAX_UNDER_WAY + 2)]
        self.addCleanup(self.answer_the_rest)

    def answer_the_rest(self) -> None:
        """Leave no coroutine that waits. The collector would close them in any order, and one that it
        closes lets in another, which it may have closed in part: a fault that a later test would log."""
        for answer in self.link.answers:  # which grow by the questions that are let in
            if not answer.called:
                answer.callback([])

    def ask(self) -> Deferred[list[str]]:
        question = ChatroomsOf(user_id="ann")
        return Deferred.fromCoroutine(self.long_answers.ask(question, list[str]))

    @property
    def under_way(self) -> int:
        return sum(not answer.called for answer in self.link.answers)

    def test_the_rest_waits_for_an_answer(self) -> None:
        self.assertEqual(len(self.link.answers), MAX_UNDER_WAY)
        self.link.answers[0].callback(["den"])
        self.assertEqual(self.successResultOf(self.asked[0]), ["den"])
        self.link.answers[1].errback(NotFound("no such user"))
        self.failureResultOf(self.asked[1], NotFound)
        self.assertEqual((len(self.link.answers), self.under_way), (MAX_UNDER_WAY + 2, MAX_UNDER_WAY))

    def test_one_that_nothing_waits_for_any_more_counts_until_its_answer_is_there(self) -> None:
        self.asked[0].cancel()
        self.failureResultOf(self.asked[0], CancelledError)
        self.assertEqual(len(self.link.answers), MAX_UNDER_WAY)
        self.link.answers[0].callback([])
        self.assertEqual((len(self.link.answers), self.under_way), (MAX_UNDER_WAY + 1, MAX_UNDER_WAY))

    def test_one_that_is_cancelled_before_its_turn_is_not_asked(self) -> None:
        for asked in self.asked[MAX_UNDER_WAY:]:
            asked.cancel()
            self.failureResultOf(asked, CancelledError)
        self.link.answers[0].callback([])
        self.assertEqual(len(self.link.answers), MAX_UNDER_WAY)
