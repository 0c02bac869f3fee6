"""The bounds that Autobahn lacks: how much work and memory one connection may take."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from gim.gateway.lean_protocol import LeanProtocol

# A message may come in any number of fragments, which may be empty, and each of them costs memory.
MAX_FRAGMENTS = 1024  # plus one for each so many bytes of the longest message:
BYTES_PER_EXTRA_FRAGMENT = 64


class BoundedProtocol(LeanProtocol):
    """Autobahn's connection, within bounds."""

    maxMessagePayloadSize: int  # bytes
    _fragments = 0  # of the message that is coming in

    def feed(self, data: bytes) -> None:
        """Hand bytes to Autobahn, unless it has hung up: it would keep them."""
        if self.state != self.STATE_CLOSED:
            self._dataReceived(data)

    def dropConnection(self, abort: bool = False) -> None:
        super().dropConnection(abort)
        if not abort:
            self.lingers()

    def lingers(self) -> None:
        """Hook: the connection closes once its peer has read the rest. Start a timeout, as the peer may
        never read."""

    def onMessageBegin(self, isBinary: bool) -> None:
        super().onMessageBegin(isBinary)
        self._fragments = 0

    def onMessageFrameBegin(self, length: int) -> None:
        super().onMessageFrameBegin(length)
        self._fragments += 1
        limit = MAX_FRAGMENTS + self.maxMessagePayloadSize // BYTES_PER_EXTRA_FRAGMENT
        if self._fragments > limit and not self.failedByMe:
            self._max_message_size_exceeded(self._fragments, limit, f"more than {limit} fragments")

    def onPing(self, payload: bytes) -> None:
        super().onPing(payload)
        self.pong_written()

    def pong_written(self) -> None:
        """Hook: a pong was written. Check whether the peer reads its pongs."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if isinstance(reason.value, SSL.Error):  # the peer's fault: Autobahn would log it as an error
            reason = Failure(ConnectionLost(f"TLS failed: {reason.value}"))
        super().connectionLost(reason)
        self._cancel_close_timer()

    def _cancel_close_timer(self) -> None:
        """Cancel Autobahn's close-handshake timer, which would keep this object alive for 3 s."""
        timer: Any = self.closeHandshakeTimeoutCall
        if timer is not None:
            self.closeHandshakeTimeoutCall = None
            timer.cancel()
