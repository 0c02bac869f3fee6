"""The questions of a link that wait for an answer."""

from __future__ import annotations

from math import inf
from typing import Any

from msgspec.msgpack import Decoder
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gim.errors import Unavailable


class WaitingQuestions:
    """Questions by number. All that wait for the usual time share one timer.

    After the process was busy or paused, timers fire before the reactor reads what came meanwhile. So a
    question that is overdue waits for one more iteration of the reactor.
    """

    __slots__ = ("_clock", "_patient", "_seconds", "_timeout", "_timer", "_usual")

    def __init__(self, clock: IReactorTime, timeout: float) -> None:
        """*timeout* is the usual time to wait, in seconds."""
        self._usual: dict[int, tuple[Deferred[Any], Decoder[Any] | None, float]] = {}
        self._patient: dict[int, tuple[Deferred[Any], Decoder[Any] | None, IDelayedCall | None]] = {}
        self._timeout = timeout
        self._clock = clock
        self._seconds = clock.seconds
        self._timer: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._usual) + len(self._patient)

    def add(self, ask: int, answer: Deferred[Any], decoder: Decoder[Any] | None) -> None:
        """Let a question wait for the usual time."""
        self._usual[ask] = answer, decoder, self._seconds() + self._timeout
        if self._timer is None:
            self._timer = self._clock.callLater(self._timeout, self._check)

    def add_patient(
        self, ask: int, answer: Deferred[Any], decoder: Decoder[Any] | None, seconds: float
    ) -> None:
        """Let a question wait for *seconds*, which may be infinite."""
        timer = self._clock.callLater(seconds, self._give_up_patient, ask) if seconds < inf else None
        self._patient[ask] = answer, decoder, timer

    def take(self, ask: int) -> tuple[Deferred[Any], Decoder[Any] | None] | None:
        """Remove a question; None if it does not wait any more. The decoder is that of its result."""
        if (usual := self._usual.pop(ask, None)) is not None:
            return usual[0], usual[1]
        if (patient := self._patient.pop(ask, None)) is not None:
            if patient[2] is not None:
                patient[2].cancel()
            return patient[0], patient[1]
        return None

    def _check(self) -> None:
        """Set the timer for the oldest question, or let one more iteration pass if that is overdue."""
        self._timer = None
        if (oldest := next(iter(self._usual.values()), None)) is not None:
            left = oldest[2] - self._seconds()
            wait, then = (left, self._check) if left > 0 else (0, self._give_up)
            self._timer = self._clock.callLater(wait, then)

    def _give_up(self) -> None:
        """Let the questions fail that are overdue."""
        now, overdue = self._seconds(), []
        for ask, (_, _, given_up_at) in self._usual.items():
            if given_up_at > now:
                break
            overdue.append(ask)
        answers = [self._usual.pop(ask)[0] for ask in overdue]
        self._check()
        for answer in answers:
            answer.errback(_late())

    def _give_up_patient(self, ask: int) -> None:
        self._patient.pop(ask)[0].errback(_late())

    def fail_all(self) -> None:
        """Let all questions fail, as nothing will answer them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for ask in (*self._usual, *self._patient):
            if (taken := self.take(ask)) is not None:
                taken[0].errback(
                    Unavailable("a part of the server has ended: it is not known whether this was done")
                )


def _late() -> Unavailable:
    return Unavailable("the server did not answer in time: it is not known whether this was done")
