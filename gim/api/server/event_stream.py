"""Server-sent events: a response that goes on until one side ends it.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from zope.interface import implementer

from gim.api.openapi.describe import EVENTS
from gim.errors import TooManyRequests, Unavailable

MAX_STREAMS = 100  # open at a time in a process
MAX_UNSENT = 256 * 1024  # bytes that wait for a slow client
HEARTBEAT = 15.0  # seconds without an event until a comment is sent: proxies end silent responses
STALL_TIMEOUT = 60.0  # seconds that a client may read nothing while bytes wait for it
ACCESS_CHECK = 5.0  # seconds until a stream ends whose client is not the administrator any more
RETRY = 2000  # milliseconds that a client waits before it connects anew
_PAUSED_AT = 64 * 1024  # bytes that wait when Twisted pauses a producer

_encode = msgspec.json.Encoder().encode


class EventStreams(Service):
    """The open streams of a site. They end when the service stops."""

    def __init__(self) -> None:
        self._open: set[EventStream] = set()
        self._has_stopped = False

    def add(self, stream: EventStream) -> None:
        """Count a stream. Raises `TooManyRequests` if `MAX_STREAMS` are open, `Unavailable` after the
        stop: connections of HTTP still bring requests then."""
        if self._has_stopped:
            raise Unavailable("the server stops: try again in a moment")
        if len(self._open) >= MAX_STREAMS:
            raise TooManyRequests(f"{MAX_STREAMS} streams of events are open, which is the limit", 10)
        self._open.add(stream)

    def discard(self, stream: EventStream) -> None:
        """Stop counting a stream that has ended."""
        self._open.discard(stream)

    def stopService(self) -> None:
        super().stopService()
        self._has_stopped = True
        for stream in tuple(self._open):
            stream.end()


@implementer(IPushProducer)
class EventStream:
    """The response to a request, as events.

    A route for the administrator returns the stream, and `gim.api.server.app.App` keeps the request open
    until `done` fires. The stream sends a comment after `HEARTBEAT` seconds without an event. A client
    that reads nothing for `STALL_TIMEOUT` seconds is dropped. HEAD gets a stream that has ended. The
    stream also ends within `ACCESS_CHECK` seconds after a logout, or after the administrator's key has
    changed.
    """

    def __init__(self, request: Any) -> None:
        """Send the headers. Raises `TooManyRequests` if too many streams are open, `Unavailable` if the
        server stops."""
        request.site.streams.add(self)
        self.done: Deferred[None] = Deferred()  # fires when the stream has ended
        self._request = request
        self._clock = request.site.clock
        self._at_end: list[Callable[[], object]] = []
        self._has_ended = False
        self._is_paused = False
        self._waiting = 0  # bytes sent while paused
        self._stall: IDelayedCall | None = None
        self._heartbeat = self._clock.callLater(HEARTBEAT, self._beat)
        self._access_check = self._clock.callLater(ACCESS_CHECK, self._check_access)
        request.notifyFinish().addErrback(lambda _: self._hung_up())
        request.registerProducer(self, True)
        self._begin()

    def _begin(self) -> None:
        request = self._request
        request.setHeader(b"Content-Type", EVENTS.encode())
        request.setHeader(b"Cache-Control", b"no-store")
        request.setHeader(b"X-Accel-Buffering", b"no")  # nginx would collect events
        request.site.count(request)
        request.write(b"retry: %d\n\n" % RETRY)
        if request.method == b"HEAD":
            self.end()

    def send(self, event: str, data: Struct | bytes) -> bool:
        """Send an event; *data* is a struct, or JSON on one line.

        Return False, and send nothing, while `MAX_UNSENT` bytes wait for the client, and after the end.
        """
        if self._has_ended or self._waiting > MAX_UNSENT - _PAUSED_AT:
            return False
        body = data if isinstance(data, bytes) else _encode(data)
        self._write(b"event: %s\ndata: %s\n\n" % (event.encode(), body))
        return True

    def on_end(self, call: Callable[[], object]) -> None:
        """Call *call* when the stream has ended, whichever side ends it; at once if it has."""
        if self._has_ended:
            call()
        else:
            self._at_end.append(call)

    def end(self) -> None:
        """End the response."""
        if not self._has_ended:
            self._request.unregisterProducer()
            self._ended()

    def _write(self, data: bytes) -> None:
        self._heartbeat.reset(HEARTBEAT)
        self._request.write(data)
        if self._is_paused:
            self._waiting += len(data)

    def _beat(self) -> None:
        self._heartbeat = self._clock.callLater(HEARTBEAT, self._beat)
        if not self._is_paused:
            self._request.write(b":\n\n")

    def _check_access(self) -> None:
        if self._may_go_on():
            self._access_check = self._clock.callLater(ACCESS_CHECK, self._check_access)
        else:
            self.end()

    def _may_go_on(self) -> bool:
        try:
            return bool(self._request.site.access.goes_on(self._request))
        except Unavailable:  # the storage can't tell at the moment
            return True

    def _hung_up(self) -> None:
        if not self._has_ended:
            self._ended()
            self._request.site.log(self._request)  # Twisted logs only what the server has ended

    def _ended(self) -> None:
        self._has_ended = True
        self._request.site.streams.discard(self)
        self._heartbeat.cancel()
        if self._access_check.active():  # it does not end the stream itself
            self._access_check.cancel()
        self.resumeProducing()
        at_end, self._at_end = self._at_end, []
        for call in at_end:
            call()
        self.done.callback(None)

    # what the transport calls: more than 64 KiB wait, or nothing waits any more

    def pauseProducing(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._stall = self._clock.callLater(STALL_TIMEOUT, self._drop)

    def resumeProducing(self) -> None:
        self._is_paused, self._waiting = False, 0
        if self._stall is not None and self._stall.active():
            self._stall.cancel()

    def stopProducing(self) -> None:
        """The connection is lost, of which `notifyFinish` tells."""

    def _drop(self) -> None:
        self._request.channel.transport.abortConnection()
