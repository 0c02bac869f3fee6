"""Signals: SIGTERM and SIGINT stop the daemon, SIGHUP has it read keys, certificates and log again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import chdir
from types import FrameType
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ReactorNotRunning

from gim.log.logger import Logger
from gim.startup import InvalidSetting


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


class Reloader:
    """Has files read again at each SIGHUP, and logs one line that says which."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        directory: str = "",
        taken: Callable[[list[str]], Deferred[Any]] = lambda sources: succeed(None),
    ) -> None:
        """Paths are relative to *directory*, that of the process unless it is given: twistd may change
        it. *taken* is called at each reload with the sources that were read again; the log has its line
        when the Deferred fires."""
        self._reactor = reactor
        self._taken = taken
        self._directory = directory or os.getcwd()
        self._reads: list[tuple[str, Callable[[], str]]] = []

    def add(self, source: str, read: Callable[[], str]) -> None:
        """Call *read* at each SIGHUP. It returns what it has done, or raises ValueError or OSError and
        keeps what was in use. *source* is where it is named: an option."""
        self._reads.append((source, read))

    def take_signals(self) -> None:
        """Reload at SIGHUP from now on, also while the daemon stops: SIGHUP never ends the process."""
        signal.signal(signal.SIGHUP, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self.reload)

    def reload(self) -> None:
        """Read everything again."""
        taken, said, failed = self._read_all()
        self._taken(taken).addCallback(lambda _: self._log_result(said, failed))

    def _log_result(self, said: list[str], failed: list[str]) -> None:
        if failed:
            self._log.error("SIGHUP: {files}", files="; ".join(failed + said))
        else:
            files = "; ".join(said) or "no option names a file that could be read again"
            self._log.info("SIGHUP: {files}", files=files)

    def reload_quietly(self) -> None:
        """Read everything again and log only what can't be read: another process logs the rest."""
        _, _, failed = self._read_all()
        if failed:
            self._log.error("SIGHUP: {files}", files="; ".join(failed))

    def _read_all(self) -> tuple[list[str], list[str], list[str]]:
        """Return the sources that were read, what is said of them, and what is said of the others."""
        taken, said, failed = [], [], []
        for source, read in self._reads:
            try:
                with chdir(self._directory):
                    said.append(f"{source}: {read()}")
                taken.append(source)
            except (ValueError, OSError) as error:
                why = error.reason if isinstance(error, InvalidSetting) else error
                failed.append(f"{source}: {why}; what was read before stays in use")
            except Exception:
                self._log.failure("{source} could not be read again at SIGHUP", source=source)
        return taken, said, failed
