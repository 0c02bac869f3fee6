"""SIGHUP: read again what may have changed, without a restart."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.application.service import Service

from gim.log.logger import Logger


class SighupReloader(Service):
    """Calls *reload* in the reactor at each SIGHUP, from the first turn of the reactor on."""

    _log = Logger()

    def __init__(self, reactor: Any, reload: Callable[[], None]) -> None:
        self._reactor = reactor
        self._reload = reload

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(signal.signal, signal.SIGHUP, self._hung_up)

    def _hung_up(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._reload_now)

    def _reload_now(self) -> None:
        try:
            self._reload()
        except Exception:  # whatever it was, what was read before goes on
            self._log.failure("reading again at SIGHUP failed")
