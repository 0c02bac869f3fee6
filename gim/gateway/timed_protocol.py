"""The end of a connection: its timeouts, and the close frames that the server sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gim.gateway import closing
from gim.gateway.bounded_protocol import BoundedProtocol
from gim.gateway.close_codes import CloseCode
from gim.limits.limits import HANDSHAKE
from gim.push.presence import Login

if TYPE_CHECKING:
    from gim.gateway.closing import Closure
    from gim.gateway.factory import GatewayFactory

LINGER = 5.0  # seconds within which a peer must read the rest of a connection that closes


class TimedProtocol(BoundedProtocol):
    """Closes a connection whose handshake or login is late, whose token expires, or that is silent.

    Moments are ticks of `TimeoutWheel` unless a comment says otherwise.
    """

    factory: GatewayFactory
    transport: Any  # a stream transport; Twisted declares only what all transports have
    login: Login | None = None

    due_at = 0
    _last_heard = 0
    _pinged_for = 0  # the `_last_heard` of the silence that a ping was sent for
    _logged_out_at = 0  # or connected at
    _token_expires: float | None = None  # a Unix time, None for a login without a token

    def connectionMade(self) -> None:
        super().connectionMade()
        self._schedule(self.factory.settings.timeouts.handshake)

    def lingers(self) -> None:
        """See `BoundedProtocol`."""
        self._schedule(LINGER)

    def _schedule(self, timeout: float) -> None:
        wheel = self.factory.timeout_wheel
        wheel.schedule(self, wheel.tick_after(wheel.now, timeout))

    def logged_out(self) -> None:
        """Start the timeout of the login again."""
        wheel = self.factory.timeout_wheel
        self._logged_out_at = wheel.now
        self.logged_in_until(None)
        # after the handshake it is mostly on the wheel already, and will be checked early enough
        if not 0 < self.due_at <= wheel.now + wheel.ticks_to_first:
            wheel.schedule(self, self.check_timeouts())

    def logged_in_until(self, expires: float | None) -> None:
        """Close the connection at this Unix time unless it logs in again first; None for no deadline."""
        if expires != self._token_expires:  # connections without tokens need not keep it
            self._token_expires = expires
            self.factory.timeout_wheel.schedule(self, self.check_timeouts())

    def check_timeouts(self) -> int:
        """See `gim.gateway.timeout_wheel.HasTimeout`."""
        if self.state == self.STATE_CONNECTING:
            self.factory.hits.hit(HANDSHAKE)
            self.drop("it did not complete its handshake in time")
        if self.state == self.STATE_CLOSED:
            self.transport.abortConnection()
        if self.state != self.STATE_OPEN:
            return 0  # while it is closing, Autobahn has a timer of its own
        wheel, timeouts = self.factory.timeout_wheel, self.factory.settings.timeouts
        login_at = wheel.tick_after(self._logged_out_at, timeouts.login)
        silent_at = wheel.tick_after(self._last_heard, timeouts.heartbeat)
        if self.login is None and wheel.now >= login_at:
            return self._time_out(closing.LOGIN_TIMEOUT)
        if self._token_expires is not None and wheel.has_come(self._token_expires):
            return self._time_out(closing.TOKEN_EXPIRED)
        if wheel.now >= silent_at:
            return self._time_out(closing.HEARTBEAT_TIMEOUT)
        next_check = self._ping_or_wait(silent_at)
        if self.login is None:
            return min(next_check, login_at)
        if self._token_expires is not None:
            return min(next_check, wheel.tick_of_date(self._token_expires))
        return next_check

    def _time_out(self, closure: Closure) -> int:
        self.close_with(closure)
        return 0

    def _ping_or_wait(self, silent_at: int) -> int:
        """Ping a peer that has been silent for long enough; return the tick of the next check."""
        wheel, timeouts = self.factory.timeout_wheel, self.factory.settings.timeouts
        ping_at = wheel.tick_after(self._last_heard, timeouts.silence_before_ping)
        if wheel.now < ping_at:
            return ping_at
        if self._pinged_for != self._last_heard:
            self._pinged_for = self._last_heard
            self.sendPing()
        return silent_at

    def close_with(self, closure: Closure) -> None:
        """Send a close frame if the connection is open: every close that the server decides on."""
        if self.state == self.STATE_OPEN:
            if closure.code == CloseCode.READER_TOO_SLOW:
                self.factory.slow_readers += 1
            self.sendClose(closure.code.value, closure.reason)  # Autobahn takes a plain int only

    def drop(self, why: str) -> None:
        """End the connection without a close frame; *why* goes into the log."""
        self.wasNotCleanReason = why
        self.dropConnection(abort=True)
