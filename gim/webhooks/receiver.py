"""The HTTP client: makes attempts to deliver events."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, HTTPConnectionPool
from twisted.web.http_headers import Headers

from gim import __version__
from gim.concurrency.clocks import WallClock
from gim.webhooks.attempt import MAX_CONCURRENT_ATTEMPTS, AttemptResult
from gim.webhooks.events import NumberedEvent
from gim.webhooks.signature import sign

CONNECT_TIMEOUT = 5.0  # seconds
ATTEMPT_TIMEOUT = 10.0  # seconds to the end of the response
IDLE_TIMEOUT = 30  # seconds that a connection stays open for the next event
MAX_RESPONSE_SIZE = 65_536  # bytes; a longer response ends its connection


class Receiver:
    """The receiver at the URL. Follows no redirects and keeps no cookies; accepts the certificates that
    the system trusts."""

    def __init__(self, url: str, secret: bytes, reactor: Any, wall: WallClock) -> None:
        self._url = url
        self._secret = secret
        self._reactor = reactor
        self._wall = wall
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = MAX_CONCURRENT_ATTEMPTS
        self._pool.cachedConnectionTimeout = IDLE_TIMEOUT
        self._agent = Agent(reactor, connectTimeout=CONNECT_TIMEOUT, pool=self._pool)

    def use_secret(self, secret: bytes) -> None:
        """Sign with another secret from now on."""
        self._secret = secret

    async def post(self, event: NumberedEvent) -> AttemptResult:
        """Make one attempt. Raises nothing but `CancelledError`, when it is cancelled."""
        attempt = Deferred.fromCoroutine(self._post(event))
        timer = self._reactor.callLater(ATTEMPT_TIMEOUT, attempt.cancel)
        try:
            return await attempt
        except Exception as error:  # of names, connections, TLS, HTTP: each layer has its own
            cause = _cause(error)
            if not timer.active():
                return AttemptResult(0, f"no answer within {ATTEMPT_TIMEOUT:.0f} s")
            if isinstance(cause, CancelledError):
                raise CancelledError from error
            return AttemptResult(0, f"{type(cause).__name__}: {cause}"[:300])
        finally:
            if timer.active():
                timer.cancel()

    async def _post(self, event: NumberedEvent) -> AttemptResult:
        url, body = self._url.encode(), FileBodyProducer(BytesIO(event.body))
        response = await self._agent.request(b"POST", url, self._headers(event), body)
        retry_after = self._retry_after(response.headers)
        await _discard_body(response)
        return AttemptResult(response.code, f"status {response.code}", retry_after)

    def _headers(self, event: NumberedEvent) -> Headers:
        timestamp = self._wall.now_ms() // 1000
        return Headers(
            {
                "Content-Type": ["application/json"],
                "User-Agent": [f"gim/{__version__}"],
                "Gim-Event": [event.type],
                "Gim-Event-Id": [event.id],
                "Gim-Timestamp": [str(timestamp)],
                "Gim-Signature": [sign(self._secret, timestamp, event.body)],
            }
        )

    def _retry_after(self, headers: Headers) -> float:
        """Read Retry-After: seconds or a date (RFC 9110, section 10.2.3); 0 without a valid one."""
        text: str = (headers.getRawHeaders("retry-after") or [""])[0]
        if text.isascii() and text.isdecimal():
            return float(text[:9])
        try:
            left: float = parsedate_to_datetime(text).timestamp() - self._wall.now_ms() / 1000
        except (ValueError, OverflowError):
            return 0.0
        return max(0.0, left)

    def close(self) -> Deferred[Any]:
        """Close the idle connections."""
        closing: Deferred[Any] = self._pool.closeCachedConnections()
        return closing


def _cause(error: Exception) -> BaseException:
    """Return the innermost error: those of requests hold a failure, others are the cause themselves."""
    reasons = getattr(error, "reasons", None)
    inner = reasons[0].value if reasons and isinstance(reasons[0], Failure) else None
    return inner or error


class _DiscardedBody(Protocol):
    """Discards a body; one that is too long loses its connection."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred(lambda _ended: self._hang_up())
        self._left = MAX_RESPONSE_SIZE

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._hang_up()

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        if not self.ended.called:
            self.ended.callback(None)


async def _discard_body(response: Any) -> None:
    """Read the body to its end, so that the connection can be used again."""
    body = _DiscardedBody()
    response.deliverBody(body)
    await body.ended
