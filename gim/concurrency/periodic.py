"""A service that calls a function at intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from gim.log.logger import Logger


class Periodic(Service):
    """Calls *job* every *interval* seconds while the service runs.

    *job* may return a coroutine or a Deferred; calls never overlap. An exception is logged, and the next
    call comes at its time: a bare `LoopingCall` would end for good. Stopping waits for a call under way.
    Twisted's `TimerService` ends at the first exception too, and always makes the first call at once.
    """

    _periodic_log = Logger()

    def __init__(
        self,
        job: Callable[[], object],
        interval: float,
        clock: IReactorTime,
        *,
        first_at_once: bool = False,
    ) -> None:
        """The first call comes with the start if *first_at_once*, else *interval* seconds after it."""
        self._job = job
        self._interval = interval
        self._first_at_once = first_at_once
        self._loop = LoopingCall(self._call)
        self._loop.clock = clock
        self._ended: Deferred[LoopingCall] | None = None

    def startService(self) -> None:
        super().startService()
        self._ended = self._loop.start(self._interval, now=self._first_at_once)

    def stopService(self) -> Deferred[Any] | None:
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        return self._ended

    def _call(self) -> Deferred[object]:
        return maybeDeferred(self._job).addErrback(self._failed)

    def _failed(self, failure: Any) -> None:
        self._periodic_log.failure(
            "{job} failed, next call in {interval} s",
            failure,
            job=self.name or type(self).__name__,
            interval=self._interval,
        )
