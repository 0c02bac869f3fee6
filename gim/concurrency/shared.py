"""One result for all that want it at about the same time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gim.log.logger import Logger

T = TypeVar("T")


class Shared(Generic[T]):
    """Gets a result once for all that ask while it is under way, and for some seconds after that.

    A result that fails, fails for all that wait; if nothing waits any more, the failure is logged.
    """

    _log = Logger()

    def __init__(
        self, get: Callable[[], Coroutine[Deferred[Any], Any, T]], seconds: float, clock: IReactorTime
    ) -> None:
        """*get* gets the result; one that is more than *seconds* old is not used any more."""
        self._get = get
        self._seconds = seconds
        self._clock = clock
        self._waiting: list[Deferred[T]] = []
        self._is_under_way = False
        self._last: tuple[float, T] | None = None  # when it came

    async def get(self) -> T:
        """Return the result. The work goes on when this is cancelled."""
        if self._last is not None and self._clock.seconds() - self._last[0] <= self._seconds:
            return self._last[1]
        waiting: Deferred[T] = Deferred()
        self._waiting.append(waiting)
        if not self._is_under_way:
            self._is_under_way = True
            Deferred.fromCoroutine(self._get()).addCallback(self._keep).addBoth(self._hand_out)
        return await waiting

    def _keep(self, result: T) -> T:
        self._last = self._clock.seconds(), result
        return result

    def _hand_out(self, result: Any) -> None:
        """Give a result, or a failure, to all that wait."""
        self._is_under_way = False
        waiting, self._waiting = (
            [each for each in self._waiting if not each.called],
            [],
        )  # by a cancellation
        if isinstance(result, Failure) and not waiting:
            self._log.failure("what nothing waits for any more failed", result)
        for each in waiting:
            each.callback(result)
