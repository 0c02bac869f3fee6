"""A deadline for all steps of a request together, and work that goes on after it."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.gather import go_on
from gim.errors import Unavailable

ANSWER_TIMEOUT = 1.5  # seconds until a request is answered, with a 503 if need be

T = TypeVar("T")


class _Alarm:
    """Cancels a Deferred after some seconds.

    After this process was busy or paused, timers fire before the reactor reads what came meanwhile. So
    what is overdue gets one more iteration of the reactor.
    """

    def __init__(self, seconds: float, clock: IReactorTime, begun: Deferred[Any]) -> None:
        self.has_rung = False
        self._clock = clock
        self._begun = begun
        self._timer = clock.callLater(seconds, self._wait_once_more)

    def _wait_once_more(self) -> None:
        self._timer = self._clock.callLater(0, self._ring)

    def _ring(self) -> None:
        self.has_rung = True
        self._begun.cancel()

    def stop(self) -> None:
        if self._timer.active():
            self._timer.cancel()


async def within(seconds: float, clock: IReactorTime, work: Coroutine[Deferred[Any], Any, T]) -> T:
    """Return the result of *work*. After *seconds* cancel it and raise `Unavailable`."""
    try:
        pending = work.send(None)
    except StopIteration as end:  # it did not wait, so it needs neither a timer nor a Deferred
        result: T = end.value
        return result
    begun: Deferred[T] = Deferred.fromCoroutine(go_on(work, pending))
    alarm = _Alarm(seconds, clock, begun)
    try:
        return await begun
    except CancelledError:
        if not alarm.has_rung:
            raise
        raise Unavailable(
            "the storage did not answer in time: it is not known whether this was done"
        ) from None
    finally:
        alarm.stop()


def shielded(work: Awaitable[T]) -> Deferred[T]:
    """Begin *work*, and return a Deferred of its result. If that is cancelled, the work still goes on."""
    waiting: Deferred[T] = Deferred()
    Deferred.fromCoroutine(_await(work)).addBoth(waiting.callback)  # a Failure becomes its failure
    return waiting


async def _await(work: Awaitable[T]) -> T:
    return await work
