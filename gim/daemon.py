"""The daemon: starts all parts in order, and ends them in order when it is told to stop."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gim.chat.chat import Chat
from gim.gateway import closing
from gim.gateway.factory import GatewayFactory
from gim.logs import Logger

CLOSING_TIME = 2.0  # seconds that clients have for the closing handshake


class Daemon(MultiService):
    """All services; the last child service starts last.

    Stopping: the children end, listening ports among them; then chatroom pushes that wait are written,
    every connection is closed with 3001, and what is still there after `CLOSING_TIME` is dropped.
    """

    _log = Logger()

    def __init__(self, chat: Chat, gateway: GatewayFactory, clock: IReactorTime) -> None:
        super().__init__()
        self._chat = chat
        self._gateway = gateway
        self._clock = clock

    def startService(self) -> None:
        Deferred.fromCoroutine(self._chat.start()).addErrback(self._failed)
        super().startService()

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await maybeDeferred(super().stopService)
        self._chat.drain()
        count = len(self._gateway.connections)
        self._log.info("stopping, {count} connections to close", count=count)
        closed = self._gateway.close_all(closing.SHUTTING_DOWN, "server shutting down")
        closed.addTimeout(CLOSING_TIME, self._clock, lambda _value, _timeout: self._gateway.abort_all())
        await closed
        await self._chat.stop()
        self._log.info("stopped")

    def _failed(self, failure: Failure) -> None:
        self._log.failure("the chat could not start", failure)


class Signals(Service):
    """Lets SIGTERM and SIGINT stop the reactor, so that a clean stop ends with exit status 0.

    twistd would end by the signal itself. The reactor sets its own handlers as it starts, so these are
    set in its first turn.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

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
            pass
