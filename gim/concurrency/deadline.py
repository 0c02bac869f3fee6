"""A deadline for all steps of a request together, and work that goes on after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gim.concurrency.steps import go_on
from gim.errors import Unavailable

ANSWER_TIMEOUT = 1.5  # seconds until a request is answered, with a 503 if need be

T = TypeVar("T")


class _Alarm:
    """Cancels what is waited for after some seconds.

    After the process was busy or paused, timers fire before the reactor reads what came meanwhile. So the
    alarm waits for one more iteration of the reactor.
    """

    def __init__(self, seconds: float, clock: IReactorTime, pending: Deferred[Any]) -> None:
        self.has_rung = False
        self._clock = clock
        self._pending = pending
        self._timer = clock.callLater(seconds, self._wait_once_more)

    def watch(self, pending: Deferred[Any]) -> None:
        """Cancel *pending* from now on, at once if the time is over."""
        self._pending = pending
        if self.has_rung:
            pending.cancel()

    def _wait_once_more(self) -> None:
        self._timer = self._clock.callLater(0, self._ring)

    def _ring(self) -> None:
        self.has_rung = True
        self._pending.cancel()

    def stop(self) -> None:
        if self._timer.active():
            self._timer.cancel()


async def within(seconds: float, clock: IReactorTime, work: Coroutine[Deferred[Any], Any, T]) -> T:
    """Return the result of *work*. After *seconds* cancel it and raise `Unavailable`.

    The steps of *work* run as steps of the caller's coroutine, so what resumes the caller decides when
    *work* goes on. Work that never waits costs 0.5 us.
    """
    try:
        pending = work.send(None)
    except StopIteration as end:
        return cast(T, end.value)
    alarm = _Alarm(seconds, clock, pending)
    try:
        return await go_on(work, pending, alarm.watch)
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


async def outlasted(
    seconds: float, clock: IReactorTime, work: Deferred[T], late: Callable[[T], object]
) -> T:
    """Return the result of *work*, or raise `Unavailable` after *seconds*, while *work* goes on.

    *late* is called with a result that nothing waits for any more, as the time was over or this coroutine
    was cancelled.
    """
    waiting: Deferred[T] = Deferred()

    def done(result: T) -> None:
        if waiting.called:
            late(result)
        else:
            waiting.callback(result)

    def failed(failure: Failure) -> None:
        if not waiting.called:
            waiting.errback(failure)

    work.addCallbacks(done, failed)
    return await within(seconds, clock, _await(waiting))


async def _await(work: Awaitable[T]) -> T:
    return await work
