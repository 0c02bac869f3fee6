"""Connections that are refused as soon as they are accepted."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from gim.gateway.admission import Rejection
from gim.gateway.timeout_wheel import TimeoutWheel
from gim.limits import retry_after

MOST = 256  # that wait for their request at a time


def response(refusal: Rejection) -> bytes:
    """Write what is said of a refusal, whatever was asked."""
    return (
        f"HTTP/1.1 {refusal.status} {refusal.reason}\r\nRetry-After: {retry_after.CONNECTION}\r\n"
        "Connection: close\r\nContent-Length: 0\r\n\r\n"
    ).encode()


class RejectingProtocol(Protocol):
    """Answers the request, which it does not read, and hangs up.

    It waits for the request: to close a socket with bytes that nobody has read resets the connection, and
    the client would not see the answer. When too many wait, it hangs up at once.
    """

    transport: Any
    look_at = 0  # a tick of `TimeoutWheel`

    def __init__(
        self, refusal: Rejection, deadlines: TimeoutWheel, timeout: float, waiting: set[RejectingProtocol]
    ) -> None:
        """*timeout* is in seconds; *waiting* are all that wait."""
        self._response = response(refusal)
        self._deadlines = deadlines
        self._timeout = timeout
        self._waiting = waiting

    def connectionMade(self) -> None:
        if len(self._waiting) >= MOST:
            self.transport.abortConnection()
            return
        self._waiting.add(self)
        self._deadlines.look(self, self._deadlines.after(self._deadlines.now, self._timeout))

    def dataReceived(self, data: bytes) -> None:
        answer, self._response = self._response, b""
        if answer:
            self.transport.write(answer)
            self.transport.loseConnection()

    def check(self) -> int:
        """See `gim.gateway.timeout_wheel.HasTimeout`."""
        self.transport.abortConnection()
        return 0

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._waiting.discard(self)
        self._deadlines.forget(self)
