"""A receiver that a test answers for by hand, on a clock moved by hand."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gim.webhooks.attempt import AttemptResult
from gim.webhooks.events import NumberedEvent

OK, BUSY, WRONG = (
    AttemptResult(204, "status 204"),
    AttemptResult(503, "status 503"),
    AttemptResult(400, "status 400"),
)
START = 1_800_000_000.0


def new_clock() -> Clock:
    """Return a clock at a real time: numbers begin with it."""
    clock = Clock()
    clock.advance(START)
    return clock


class Posts:
    """Keeps the attempts, until the test answers."""

    def __init__(self) -> None:
        self.attempts: list[NumberedEvent] = []  # all of them, in order
        self._open: list[tuple[NumberedEvent, Deferred[AttemptResult]]] = []

    async def post(self, event: NumberedEvent) -> AttemptResult:
        self.attempts.append(event)
        answered: Deferred[AttemptResult] = Deferred()
        self._open.append((event, answered))
        return await answered

    def answer(self, *answers: AttemptResult) -> None:
        """Answer the oldest attempts that wait."""
        for answer in answers:
            _, answered = self._open.pop(0)
            answered.callback(answer)

    def answer_all(self, answer: AttemptResult = OK) -> None:
        """Answer whatever waits, and whatever that sets going."""
        while self._open:
            self.answer(answer)

    def fail(self, error: Exception) -> None:
        _, answered = self._open.pop(0)
        answered.errback(error)

    @property
    def waiting(self) -> list[NumberedEvent]:
        return [event for event, _ in self._open]

    def bodies(self) -> list[Any]:
        """Return what was posted, decoded."""
        return [json.loads(event.body) for event in self.attempts]

    def said(self) -> list[tuple[str, str]]:
        """Return type and user of all attempts."""
        return [(event.type, event.user_id) for event in self.attempts]
