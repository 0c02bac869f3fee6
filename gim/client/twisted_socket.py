"""One WebSocket of the Twisted client, by Autobahn."""

from __future__ import annotations

from typing import Any, Protocol

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure

CLOSE_TIMEOUT = 2  # seconds that the server has to answer a close
ABNORMAL = 1006  # RFC 6455, section 7.4.1
SWITCHING_PROTOCOLS = 101  # the status of a handshake that succeeds


class Listener(Protocol):
    """What a socket reports to; sockets are known by their numbers."""

    def on_opened(self, number: int) -> None: ...
    def on_refused(self, number: int, status: int, retry_after: float | None) -> None: ...
    def on_ended(self, number: int, code: int, reason: str) -> None: ...
    def on_received(self, number: int, text: str | bytes) -> None: ...


class _Protocol(WebSocketClientProtocol):
    """Hands on what arrives."""

    factory: _Factory
    transport: Any
    http_status_line: str = ""  # Autobahn sets it once it has the response
    http_headers: dict[str, str]
    remoteCloseCode: int | None
    remoteCloseReason: str | None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.factory.socket.connected(self)

    def onOpen(self) -> None:
        self.factory.socket.opened()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.factory.socket.received(payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self.remoteCloseCode is not None:  # Autobahn forgets it when TCP does not end properly
            code, reason = self.remoteCloseCode, self.remoteCloseReason
        self.factory.socket.ended(code, reason or "", self._status())

    def _status(self) -> tuple[int, float | None] | None:
        """Return the HTTP status of a refusal, and Retry-After in seconds; None without one."""
        words = self.http_status_line.split()
        if len(words) < 2 or not words[1].isdigit() or int(words[1]) == SWITCHING_PROTOCOLS:
            return None
        after = self.http_headers.get("retry-after", "")
        return int(words[1]), float(after) if after.isascii() and after.isdigit() else None


class _Factory(WebSocketClientFactory):
    """Makes the protocol of one socket."""

    noisy = False

    def __init__(self, url: str, socket: TwistedSocket) -> None:
        super().__init__(url, protocols=["gim.json"])
        self.socket = socket
        self.protocol = _Protocol
        # the core has the timeouts of opening and of silence
        self.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=CLOSE_TIMEOUT)


class TwistedSocket:
    """A WebSocket over a connection of an endpoint."""

    def __init__(
        self, number: int, url: str, endpoint: IStreamClientEndpoint, listener: Listener
    ) -> None:
        self._number = number
        self._url = url
        self._endpoint = endpoint
        self._listener = listener
        self._connecting: Deferred[Any] | None = None
        self._protocol: _Protocol | None = None
        self._open = False
        self.gone: Deferred[None] = Deferred()  # fires when nothing is left of it

    def open(self) -> None:
        """Connect."""
        self._connecting = self._endpoint.connect(_Factory(self._url, self))
        self._connecting.addErrback(self._failed)

    def write(self, text: str) -> None:
        """Send a text message."""
        if self._protocol is not None and self._protocol.state == self._protocol.STATE_OPEN:
            self._protocol.sendMessage(text.encode())

    def close(self, code: int) -> None:
        """Close with a code, or stop opening."""
        if self._open and self._protocol is not None:
            self._protocol.sendClose(code)
        elif self._protocol is not None:
            self._protocol.transport.abortConnection()
        elif self._connecting is not None:
            self._connecting.cancel()

    # What the protocol reports

    def _failed(self, failure: Failure) -> None:
        self.gone.callback(None)
        if not failure.check(CancelledError):
            self._listener.on_ended(self._number, ABNORMAL, failure.getErrorMessage())

    def connected(self, protocol: _Protocol) -> None:
        """The TCP connection is there."""
        self._protocol = protocol

    def opened(self) -> None:
        """The handshake has succeeded."""
        self._open = True
        self._listener.on_opened(self._number)

    def received(self, payload: bytes) -> None:
        """A message has come."""
        self._listener.on_received(self._number, payload)

    def ended(self, code: int | None, reason: str, refusal: tuple[int, float | None] | None) -> None:
        """The connection has ended; *refusal* is the status of a handshake that failed."""
        self.gone.callback(None)
        if refusal is not None:
            self._listener.on_refused(self._number, *refusal)
        else:
            self._listener.on_ended(self._number, ABNORMAL if code is None else code, reason)
