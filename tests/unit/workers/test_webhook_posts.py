"""Attempts that the parent has workers make."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.link.channel import Channel
from gim.webhooks.attempt import AttemptResult
from gim.webhooks.events import NumberedEvent
from gim.webhooks.receiver import ATTEMPT_TIMEOUT
from gim.workers.webhook_posts import POST_TIMEOUT, PostQuestion, PostServer, WorkerPosts
from tests.support.channels import MemoryEnd, connect

EVENT = NumberedEvent("e1", "message.sent", "ann", 5.0, b'{"id":"e1"}')
DONE = AttemptResult(200, "status 200")


class WebhookPostsTests(SynchronousTestCase):
    """Workers 1 and 2, which note their attempts and answer when the test lets them."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.posts = WorkerPosts()
        self.attempts: list[tuple[int, NumberedEvent, Deferred[AttemptResult]]] = []
        self.closed: list[int] = []
        self.parents: dict[int, Channel] = {}
        self.ends: dict[int, MemoryEnd] = {}
        self.servers = {number: self.join(number) for number in (1, 2)}

    def join(self, number: int) -> PostServer:
        worker = Channel([PostQuestion], self.clock, on_end=lambda why: None)
        parent = Channel([], self.clock, on_end=lambda why: self.posts.gone(parent))
        self.ends[number], _ = connect(worker, parent)
        self.parents[number] = parent
        self.posts.joined(parent)

        async def post(event: NumberedEvent) -> AttemptResult:
            answer: Deferred[AttemptResult] = Deferred()
            self.attempts.append((number, event, answer))
            return await answer

        def close() -> Deferred[Any]:
            self.closed.append(number)
            return succeed(None)

        return PostServer(post, close, worker)

    def post(self) -> Deferred[AttemptResult]:
        attempt = Deferred.fromCoroutine(self.posts.post(EVENT))
        self.turn()
        return attempt

    def turn(self) -> None:
        self.clock.pump([0] * 8)

    def test_a_worker_makes_the_attempt(self) -> None:
        attempt = self.post()
        (number, event, answer) = self.attempts[0]
        self.assertEqual((number, event), (1, EVENT))
        self.assertNoResult(attempt)
        answer.callback(AttemptResult(503, "status 503", 7.0))
        self.turn()
        self.assertEqual(self.successResultOf(attempt), AttemptResult(503, "status 503", 7.0))

    def test_the_next_attempt_is_made_by_another_one(self) -> None:
        for _ in range(4):
            self.post()
        self.assertEqual([number for number, _, _ in self.attempts], [1, 2, 1, 2])
        for _, _, answer in self.attempts:
            answer.callback(DONE)
        self.turn()

    def test_one_that_has_ended_gets_none(self) -> None:
        attempt = self.post()
        self.ends[1].abortConnection()
        result = self.successResultOf(attempt)
        self.assertEqual(result.status, 0)
        self.assertFalse(result.is_final)
        self.post()
        self.assertEqual([number for number, _, _ in self.attempts], [1, 2])

    def test_without_workers_an_attempt_fails_and_is_repeated(self) -> None:
        for end in self.ends.values():
            end.abortConnection()
        result = self.successResultOf(self.post())
        self.assertEqual((result.status, result.is_final), (0, False))

    def test_a_worker_that_does_not_answer_is_given_up(self) -> None:
        attempt = self.post()
        self.clock.advance(POST_TIMEOUT + 1)
        self.assertEqual(self.successResultOf(attempt).status, 0)

    def test_it_waits_longer_than_an_attempt_takes(self) -> None:
        self.assertGreater(POST_TIMEOUT, ATTEMPT_TIMEOUT)

    def test_a_cancelled_attempt_is_cancelled(self) -> None:
        attempt = self.post()
        attempt.cancel()
        self.failureResultOf(attempt, CancelledError)

    def test_the_connections_to_the_receiver_are_closed_at_the_end(self) -> None:
        self.successResultOf(self.servers[2].stopService())
        self.assertEqual(self.closed, [2])
