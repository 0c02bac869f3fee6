"""Signals: SIGTERM and SIGINT stop the daemon, SIGHUP has it read keys again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.application.service import Service
from twisted.internet.error import ReactorNotRunning

from gim.log.logger import Logger


class StopSignals(Service):
    """Lets SIGTERM and SIGINT stop the reactor, so that a clean stop ends with exit status 0.

    A signal that comes while the reactor is stopping calls *again*.

    twistd would end by the signal itself. The reactor sets its own handlers as it starts, so these are
    set in its first iteration.
    """

    def __init__(self, reactor: Any, again: Callable[[], None]) -> None:
        self._reactor = reactor
        self._again = again

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(self._reactor.callLater, 0, self._take_over)

    def _take_over(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            if callable(signal.getsignal(number)):  # the reactor's own: it was started with signals
                signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._stop)

    def _stop(self) -> None:
        try:
            self._reactor.stop()
        except ReactorNotRunning:  # it is stopping already
            self._again()


class SighupReloader(Service):
    """Calls *reload* in the reactor at each SIGHUP, from the first iteration of the reactor on."""

    _log = Logger()

    def __init__(self, reactor: Any, reload: Callable[[], None]) -> None:
        self._reactor = reactor
        self._reload = reload

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(signal.signal, signal.SIGHUP, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._reload_now)

    def _reload_now(self) -> None:
        try:
            self._reload()
        except Exception:  # of any kind: what was read before stays in use
            self._log.failure("reading keys again at SIGHUP failed")
