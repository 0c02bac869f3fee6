"""Retries of writes that a fault left half done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.rules import REQUEST_ID_WINDOW

RETRY_INTERVAL = 1.0  # seconds
GIVE_UP_AFTER = float(REQUEST_ID_WINDOW)  # seconds: as long as the request may be repeated
MAX_WAITING = 10_000
CONCURRENCY = 64

Work = Callable[[], Awaitable[object]]


class WriteRetries:
    """Repeats writes that failed because Redis was out of reach, each once a second until it succeeds.

    A write may be made several times, as its success is not always known.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._works: dict[tuple[str, ...], tuple[float, Work]] = {}  # since when
        self._timer: IDelayedCall | None = None
        self._stopped = False

    def __len__(self) -> int:
        return len(self._works)

    def add(self, key: tuple[str, ...], work: Work) -> None:
        """Repeat *work* from now on, unless one with this *key* waits already."""
        if self._stopped or key in self._works:
            return
        if len(self._works) >= MAX_WAITING:
            self._log.warn("too many writes wait to be retried, {key} is given up", key=key)
            return
        self._works[key] = self._clock.seconds(), work
        self._wait()

    def stop(self) -> None:
        """Forget all that waits."""
        self._stopped = True
        self._works.clear()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _wait(self) -> None:
        if self._works and self._timer is None:
            self._timer = self._clock.callLater(RETRY_INTERVAL, self._begin)

    def _begin(self) -> None:
        Deferred.fromCoroutine(self._round()).addBoth(self._rest)

    async def _round(self) -> None:
        few = DeferredSemaphore(CONCURRENCY)
        await gather(few.run(self._try, key) for key in tuple(self._works))

    def _rest(self, result: object) -> None:
        self._timer = None
        self._wait()

    async def _try(self, key: tuple[str, ...]) -> None:
        since, work = self._works.get(key, (0.0, None))
        if work is None:  # stopped meanwhile
            return
        try:
            await work()
        except Unavailable:
            if self._clock.seconds() - since < GIVE_UP_AFTER:
                return
            self._log.warn(
                "the write {key} failed for {n:.0f} s and is given up", key=key, n=GIVE_UP_AFTER
            )
        except Exception:
            self._log.failure("the write {key} can't be retried", key=key)
        self._works.pop(key, None)
