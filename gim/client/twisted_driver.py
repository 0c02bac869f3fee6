"""Runs a core under Twisted."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure

from gim.client.clock import SteadyClock
from gim.client.driver import Driver, check_url
from gim.client.outcome import Ended
from gim.client.settings import Settings
from gim.client.store import Store
from gim.client.twisted_socket import TwistedSocket

TokenFunction = Callable[[], Deferred[str | None] | Coroutine[Any, Any, str | None] | str | None]


class TwistedDriver(Driver[TwistedSocket]):
    """Sockets and the timer belong to the reactor."""

    def __init__(
        self,
        url: str,
        endpoint: IStreamClientEndpoint,
        settings: Settings,
        token: TokenFunction | None,
        store: Store | None,
        ended: Callable[[Ended], None],
        happens: Callable[[], None],
        reactor: IReactorTime,
    ) -> None:
        """*happens* is called whenever anything may have happened."""
        super().__init__(settings, store, ended, SteadyClock())
        self._url = check_url(url)
        self._endpoint = endpoint
        self._token = token
        self._tell = happens
        self._reactor = reactor
        self._sockets: set[TwistedSocket] = set()  # that are not gone
        self._asking: Deferred[Any] | None = None
        self._timer: IDelayedCall | None = None

    def closed(self) -> Deferred[Any]:
        """Wait until all sockets are gone. The core must be in the state ``closed``."""
        self._stop_asking()
        return DeferredList([_copy(socket.gone) for socket in self._sockets])

    def _happens(self) -> None:
        self._tell()

    def _make_socket(self, number: int) -> TwistedSocket:
        socket = TwistedSocket(number, self._url, self._endpoint, self)
        self._sockets.add(socket)
        socket.gone.addCallback(lambda _: self._sockets.discard(socket))
        return socket

    def _leave(self, socket: TwistedSocket) -> None:
        pass  # `closed` waits for all sockets that are not gone

    def _set_timer(self, delay: float | None) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None if delay is None else self._reactor.callLater(delay, self.tick)

    def _ask_token(self) -> None:
        self._stop_asking()
        assert self._token is not None
        self._asking = maybeDeferred(self._token).addCallbacks(self.on_token, self._no_token)

    def _no_token(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self.on_no_token(failure.getErrorMessage())

    def _stop_asking(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None


def _copy(source: Deferred[None]) -> Deferred[None]:
    """Return a Deferred that fires when another one does."""
    copy: Deferred[None] = Deferred()
    source.addCallback(lambda _: copy.callback(None))
    return copy
