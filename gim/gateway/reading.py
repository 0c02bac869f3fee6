"""Reading from connections of the gateway without what Twisted does for each event.

For each event of a socket Twisted makes a context for `twisted.python.log.msg`, which only old code uses
and the gateway does not. That takes 2 us, as much as to read the socket: a tenth of a message that comes
alone.
"""

from __future__ import annotations

from functools import partial
from select import EPOLLIN
from typing import Any

from twisted.application.service import Service
from twisted.internet.epollreactor import EPollReactor
from twisted.python import log


class DirectReads(Service):
    """While it runs, the epoll reactor, Linux's default, reads from the gateway's connections directly.

    All else goes Twisted's way: other selectables, other events than that bytes have come, the end of a
    connection. With another reactor everything does.
    """

    name = "direct reads"

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._is_installed = False

    def startService(self) -> None:
        super().startService()
        if isinstance(self._reactor, EPollReactor):
            self._reactor.doIteration = partial(_iterate, self._reactor)  # type: ignore[method-assign]
            self._is_installed = True

    def stopService(self) -> None:
        super().stopService()
        if self._is_installed:
            del self._reactor.doIteration
            self._is_installed = False


def _iterate(reactor: Any, timeout: float | None) -> None:
    """Wait for events and have them handled, as `EPollReactor.doPoll` does."""
    selectables = reactor._selectables
    # the poller is looked up each time: `gim.metrics.instruments.ticks` replaces it
    for fd, event in reactor._poller.poll(-1 if timeout is None else timeout, len(selectables)):
        selectable = selectables.get(fd)
        if selectable is None:  # one that was handled before has closed it
            continue
        if event != EPOLLIN or not getattr(selectable, "writes_at_once", False):
            log.callWithLogger(selectable, reactor._doReadOrWrite, selectable, fd, event)
            continue
        try:
            why = selectable.doRead()
        except BaseException as error:  # as Twisted does: it ends the connection, not the process
            log.err(system=selectable.logPrefix())
            why = error
        if why:
            log.callWithLogger(selectable, reactor._disconnectSelectable, selectable, why, True)
