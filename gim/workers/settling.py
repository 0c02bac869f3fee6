"""When the start of several workers is over."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

STRAGGLER_TIME = 5.0  # seconds that the first worker that is ready waits for the others


class Settling:
    """Waits until one worker is ready, and each of the others is as well, has ended once, or is later
    than the first by `STRAGGLER_TIME`.

    If the gateway accepted as soon as one is ready, that one would get all clients that wait. If it
    waited for all, one that can't start would keep all others from serving.
    """

    def __init__(self, numbers: Iterable[int], clock: IReactorTime) -> None:
        """*numbers* are those of the workers."""
        self._starting = set(numbers)  # have neither been ready nor ended yet
        self._ready: set[int] = set()  # are ready now
        self._clock = clock
        self._straggling: IDelayedCall | None = None
        self._is_over = False
        self._waiting: list[Deferred[None]] = []

    def wait(self) -> Deferred[None]:
        """Return what fires when the start is over."""
        over: Deferred[None] = Deferred()
        self._waiting.append(over)
        self._check()
        return over

    def ready(self, number: int) -> None:
        """A worker is ready."""
        self._starting.discard(number)
        self._ready.add(number)
        if self._straggling is None and not self._is_over:
            self._straggling = self._clock.callLater(STRAGGLER_TIME, self._wait_no_longer)
        self._check()

    def ended(self, number: int) -> None:
        """A worker has ended, or could not be started."""
        self._starting.discard(number)
        self._ready.discard(number)
        self._check()

    def cancel(self) -> None:
        """Let nothing fire any more."""
        self._waiting.clear()
        if self._straggling is not None and self._straggling.active():
            self._straggling.cancel()

    def _wait_no_longer(self) -> None:
        self._starting.clear()
        self._check()

    def _check(self) -> None:
        if not self._is_over and (self._starting or not self._ready):
            return
        self._is_over = True
        waiting = self._waiting.copy()
        self.cancel()
        for each in waiting:
            each.callback(None)
