"""Connections that are rejected as soon as they are accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from gim.gateway.connection_rules import Rejection
from gim.gateway.timeout_wheel import TimeoutWheel
from gim.limits import retry_after

MAX_REFUSED_WAITING = 256  # rejected connections that wait for their request at a time


def response(refusal: Rejection) -> bytes:
    """Return the HTTP response, which is the same for every request."""
    return (
        f"HTTP/1.1 {refusal.status} {refusal.reason}\r\nRetry-After: {retry_after.CONNECTION}\r\n"
        "Connection: close\r\nContent-Length: 0\r\n\r\n"
    ).encode()


class RejectingProtocol(Protocol):
    """Waits for the request, does not read it, responds and hangs up.

    A socket that is closed with unread bytes resets the connection, and the client would not see the
    response. If too many connections wait, it hangs up at once.
    """

    transport: Any
    due_at = 0  # a tick of `TimeoutWheel`
    is_upgraded = False
    answered: Callable[[int], object] | None = None

    def __init__(
        self,
        refusal: Rejection,
        timeout_wheel: TimeoutWheel,
        timeout: float,
        waiting: set[RejectingProtocol],
        max_waiting: int,
    ) -> None:
        """*timeout* is in seconds; *waiting* are all rejected connections that wait, *max_waiting* at
        most."""
        self._refusal = refusal
        self._is_refused = False
        self._timeout_wheel = timeout_wheel
        self._timeout = timeout
        self._waiting = waiting
        self._max_waiting = max_waiting

    def connectionMade(self) -> None:
        if len(self._waiting) >= self._max_waiting:
            self.transport.abortConnection()
            return
        self._waiting.add(self)
        wheel = self._timeout_wheel
        wheel.schedule(self, wheel.tick_after(wheel.now, self._timeout))

    def dataReceived(self, data: bytes) -> None:
        if not self._is_refused and self in self._waiting:
            self._is_refused = True
            self.transport.write(response(self._refusal))
            self.transport.loseConnection()
            if self.answered is not None:
                self.answered(self._refusal.status)

    shake_hands = dataReceived

    def check_timeouts(self) -> int:
        """See `gim.gateway.timeout_wheel.HasTimeout`."""
        self.transport.abortConnection()
        return 0

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._waiting.discard(self)
        self._timeout_wheel.cancel(self)
