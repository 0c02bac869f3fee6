"""The daemon: starts all parts in order, and ends them in order when it is told to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorTime
from twisted.python.components import Componentized
from twisted.python.failure import Failure

from gim.chat.chat import Chat
from gim.gateway.factory import GatewayFactory
from gim.log.logger import Logger
from gim.net.listening import Listening

CLOSING_TIME = 2.0  # seconds that the last clients have for the closing handshake
HURRY_TIME = 0.1  # seconds that the kernel has to take the last bytes when it must end at once


class Daemon(MultiService):
    """All services; the last child service starts last.

    Starting: all ports are bound, the HTTP API answers at once, and the gateway accepts connections as
    soon as the storage serves: whoever connects before that waits in the kernel's queue.

    Stopping: the gateway's port is closed, then the connections are, evenly over *drain* seconds, each
    after what waits to be pushed to it. `CLOSING_TIME` later what is still there is dropped. The other
    children, the HTTP port among them, end when the last connection is gone.
    """

    _log = Logger()

    def __init__(
        self,
        chat: Chat,
        gateway: GatewayFactory,
        listening: Listening,
        clock: IReactorTime,
        drain: float = 5.0,
        prepare_log: Callable[[Componentized], None] = lambda application: None,
    ) -> None:
        """*listening* is where the *gateway* listens; it becomes one of the last children. *prepare_log*
        is called with the application that the daemon becomes a part of."""
        super().__init__()
        self._prepare_log = prepare_log
        self._chat = chat
        self._gateway = gateway
        self._listening = listening
        self._clock = clock
        self._drain = drain

    def setServiceParent(self, parent: Any) -> None:
        super().setServiceParent(parent)
        if isinstance(parent, Componentized):
            self._prepare_log(parent)

    def startService(self) -> None:
        Deferred.fromCoroutine(self._start()).addErrback(self._failed)
        super().startService()

    async def _start(self) -> None:
        await self._chat.start()
        self._listening.accept()

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._chat.drain()
        await maybeDeferred(self._listening.stopService)
        count = len(self._gateway.connections)
        self._log.info("stopping, {count} connections to close", count=count)
        if self._drain == 0:
            self._chat.flush()
        closed = self._gateway.drain(self._drain)
        patience = self._drain + CLOSING_TIME
        closed.addTimeout(patience, self._clock, lambda _value, _timeout: self._gateway.abort_all())
        await closed
        self._chat.flush()  # ends the intervals
        await maybeDeferred(super().stopService)
        await self._chat.stop()
        self._log.info("stopped")

    def hurry(self) -> None:
        """Cut the stopping short: close what is left, and wait for nobody's answer."""
        self._log.info("told to stop again: waiting for nobody")
        self._drain = 0.0  # if it has not begun yet
        self._gateway.finish_draining()
        self._clock.callLater(HURRY_TIME, self._gateway.abort_all)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("the chat could not start", failure)


class Signals(Service):
    """Lets SIGTERM and SIGINT stop the reactor, so that a clean stop ends with exit status 0.

    One that comes while it is stopping calls *again*.

    twistd would end by the signal itself. The reactor sets its own handlers as it starts, so these are
    set in its first turn.
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
                signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._stop_once)

    def _stop_once(self) -> None:
        try:
            self._reactor.stop()
        except ReactorNotRunning:  # it is stopping already
            self._again()
