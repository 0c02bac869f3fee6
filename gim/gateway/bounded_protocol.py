"""What Autobahn leaves to its peers: how much work and memory one connection may take."""

from __future__ import annotations

from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from OpenSSL import SSL
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

# A message may come in as many fragments as it likes, empty ones too, and each of them costs memory.
FRAGMENTS = 1024
SHORTEST_FRAGMENT = 64  # bytes, on average, where there are more of them


class BoundedProtocol(WebSocketServerProtocol):
    """Autobahn's connection, within bounds."""

    maxMessagePayloadSize: int  # bytes
    _fragments = 0  # of the message that is coming in

    def take(self, data: bytes) -> None:
        """Hand bytes to Autobahn, which would keep those that come when it has hung up."""
        if self.state != self.STATE_CLOSED:
            self._dataReceived(data)

    def dropConnection(self, abort: bool = False) -> None:
        super().dropConnection(abort)
        if not abort:
            self.lingers()

    def lingers(self) -> None:
        """Be told that the connection ends when its peer has read all, which it may never do."""

    def onMessageBegin(self, isBinary: bool) -> None:
        super().onMessageBegin(isBinary)
        self._fragments = 0

    def onMessageFrameBegin(self, length: int) -> None:
        super().onMessageFrameBegin(length)
        self._fragments += 1
        most = FRAGMENTS + self.maxMessagePayloadSize // SHORTEST_FRAGMENT
        if self._fragments > most and not self.failedByMe:
            self._max_message_size_exceeded(self._fragments, most, f"more than {most} fragments")

    def onPing(self, payload: bytes) -> None:
        super().onPing(payload)
        self.pong_written()

    def pong_written(self) -> None:
        """Look whether the peer reads its pongs."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if isinstance(reason.value, SSL.Error):  # the peer's fault: Autobahn would log it as an error
            reason = Failure(ConnectionLost(f"TLS failed: {reason.value}"))
        super().connectionLost(reason)
        self._forget_timers()

    def _forget_timers(self) -> None:
        """End the timer of a close that is not answered any more: it would keep the connection 3 s."""
        timer: Any = self.closeHandshakeTimeoutCall
        if timer is not None:
            self.closeHandshakeTimeoutCall = None
            timer.cancel()
