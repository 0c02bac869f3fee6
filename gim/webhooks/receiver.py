"""The HTTP client: posts a body, and says what became of it."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

from treq.client import HTTPClient
from treq.cookies import IndexableCookieJar
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers

from gim import __version__
from gim.webhooks.attempt import AT_A_TIME, AttemptResult
from gim.webhooks.events import WebhookEvent
from gim.webhooks.from_settings import WebhookSettings
from gim.webhooks.signature import sign

CONNECT_TIME = 5.0  # seconds
ANSWER_TIME = 10.0  # seconds from beginning an attempt to the end of its response
IDLE_TIME = 30  # seconds that a connection is kept open for the next event
LONGEST_ANSWER = 65_536  # bytes that are read of a response, which nobody looks at


class Receiver:
    """The one at the URL. Follows no redirects, keeps no cookies, believes no certificate that the
    system does not."""

    def __init__(self, settings: WebhookSettings, reactor: Any) -> None:
        self._settings = settings
        self._reactor = reactor
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = AT_A_TIME
        self._pool.cachedConnectionTimeout = IDLE_TIME
        agent = Agent(reactor, connectTimeout=CONNECT_TIME, pool=self._pool)
        jar = IndexableCookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = HTTPClient(agent, jar)

    async def post(self, event: WebhookEvent) -> AttemptResult:
        """Make one attempt. Never raises, but for a cancellation."""
        attempt = Deferred.fromCoroutine(self._post(event))
        timer = self._reactor.callLater(ANSWER_TIME, attempt.cancel)
        try:
            return await attempt
        except Exception as error:  # of names, connections, TLS, HTTP: each layer has its own
            cause = _cause(error)
            if not timer.active():
                return AttemptResult(0, f"no answer within {ANSWER_TIME:.0f} s")
            if isinstance(cause, CancelledError):
                raise CancelledError from error
            return AttemptResult(0, f"{type(cause).__name__}: {cause}"[:300])
        finally:
            if timer.active():
                timer.cancel()

    async def _post(self, event: WebhookEvent) -> AttemptResult:
        response = await self._client.post(
            self._settings.url,
            headers=self._headers(event),
            data=event.body,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )
        rest = self._rest(response.headers)
        await _read(response)
        return AttemptResult(response.code, f"status {response.code}", rest)

    def _headers(self, event: WebhookEvent) -> Headers:
        timestamp = int(self._reactor.seconds())
        return Headers(
            {
                "Content-Type": ["application/json"],
                "User-Agent": [f"gim/{__version__}"],
                "Gim-Event": [event.type],
                "Gim-Event-Id": [event.id],
                "Gim-Timestamp": [str(timestamp)],
                "Gim-Signature": [sign(self._settings.secret, timestamp, event.body)],
            }
        )

    def _rest(self, headers: Headers) -> float:
        """Read Retry-After: seconds or a date (RFC 9110, section 10.2.3); 0 for none that can be read."""
        text: str = (headers.getRawHeaders("retry-after") or [""])[0]
        if text.isascii() and text.isdecimal():
            return float(text[:9])
        try:
            left: float = parsedate_to_datetime(text).timestamp() - self._reactor.seconds()
        except (ValueError, OverflowError):
            return 0.0
        return max(0.0, left)

    def close(self) -> Deferred[Any]:
        """Close the connections that are kept open."""
        closing: Deferred[Any] = self._pool.closeCachedConnections()
        return closing


def _cause(error: Exception) -> BaseException:
    """Return what went wrong: errors of requests hold failures, others are it themselves."""
    reasons = getattr(error, "reasons", None)
    inner = reasons[0].value if reasons and isinstance(reasons[0], Failure) else None
    return inner or error


class _Unread(Protocol):
    """Takes a body and forgets it; one that is too long loses its connection."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred(lambda _ended: self._hang_up())
        self._left = LONGEST_ANSWER

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


async def _read(response: Any) -> None:
    """Read the body to its end, however it ends, so that the connection can be used again."""
    body = _Unread()
    response.deliverBody(body)
    await body.ended
