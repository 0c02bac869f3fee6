"""An HTTP connection whose peer can't keep it busy, or open, for as long as it likes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.web import http, server

IDLE_TIMEOUT = 60  # seconds without a request until a connection is closed
REQUEST_TIMEOUT = 30  # seconds from the first byte of a request to its last
LINGER = 15  # seconds that a peer has to read the rest when all is said
_MAX_DIGITS = 18  # of a Content-Length: more are no length of anything


class BoundedChannel(http.HTTPChannel):
    """Twisted's connection, within bounds."""

    callLater: Any
    timeOut: Any  # seconds; None while a request is answered
    _buffer: bytes  # requests that have come and not been looked at
    _is_receiving = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self.abortTimeout = LINGER

    def resetTimeout(self) -> None:
        """Hear that something has come. Twisted would begin anew with each byte."""
        if not self._is_receiving and not self._handlingRequest:
            self._is_receiving = True
            self.setTimeout(REQUEST_TIMEOUT)

    def allContentReceived(self) -> None:
        self._is_receiving = False
        self.timeOut = IDLE_TIMEOUT  # it begins with the answer
        super().allContentReceived()

    def pauseProducing(self) -> None:
        """Answer no more until what was answered is read: Twisted would answer all that it has read."""
        self.paused = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self.paused = False
        super().resumeProducing()
        if self._buffer:
            self.dataReceived(b"")

    def headerReceived(self, line: bytes) -> bool:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and len(value.strip()) > _MAX_DIGITS:
            self._respondToBadRequestAndDisconnect()
            return False
        return bool(super().headerReceived(line))

    def loseConnection(self) -> None:
        """Close the connection when the peer has read all, or some time later if it has not."""
        if self._abortingCall is None:
            self._abortingCall = self.callLater(LINGER, self.forceAbortClient)
        super().loseConnection()


class BoundedRequest(server.Request):
    """A request that holds its body in memory; the site sees to it that it is short."""

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()  # Twisted takes a file where the length is not known, or great
