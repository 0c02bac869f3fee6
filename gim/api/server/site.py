"""The HTTP site: checks, limits and logs that apply to all routes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from time import perf_counter_ns
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.web import http, server

from gim.api.decoding import header_of, trace_of
from gim.api.envelope import refuse
from gim.api.errors import no_such_path
from gim.api.openapi.describe import RouteSet
from gim.api.server.access import AccessControl
from gim.api.server.channel import IDLE_TIMEOUT, BoundedChannel, BoundedRequest
from gim.api.server.cors import Cors
from gim.api.server.event_stream import EventStreams
from gim.api.server.idle_connections import IdleConnections
from gim.api.server.root import ApiRoot
from gim.api.server.upgrade import ROUTE, Gateway, hand_to, is_handshake
from gim.api.settings import ApiSettings
from gim.concurrency.turns import Turns
from gim.console.session import Session
from gim.errors import BadRequest, GimError, Misdirected
from gim.limits.limits import LimitHits
from gim.limits.rate_per_second import Rate
from gim.log.logger import Logger, traced
from gim.metrics.instruments.requests import RequestMetrics
from gim.net.client_address import NO_PROXIES, Proxies, group_of, host_of

_ABSOLUTE = re.compile(rb"^https?://([^/?]*)", re.IGNORECASE)


class TracedRequest(BoundedRequest):
    """A request with a trace id and a limit on its body."""

    site: ApiSite
    channel: Any  # an HTTPChannel, to which the site adds itself
    trace = ""
    began = 0.0
    began_ns = 0  # by perf_counter_ns
    op = ""  # the name of its route, once that is found
    body_size = 0
    is_counted = False
    target = ""  # what it changes, if its path does not say that: see gim.api.server.changes
    is_session_read = False
    console_session: Session | None = None  # once it is read

    def handleContentChunk(self, data: bytes) -> None:
        self.body_size += len(data)
        if self.body_size <= self.channel.site.max_body:  # more is counted, not kept
            super().handleContentChunk(data)

    def getRequestHostname(self) -> bytes:
        """Klein decodes it, which fails for some values of the header Host."""
        return b"gim"

    def process(self) -> None:
        site = self.channel.site
        self._take_host_of_path()
        self.began, self.began_ns = site.clock.seconds(), perf_counter_ns()
        self.trace = trace_of(self, site.trace_header)
        self.setHeader(site.trace_header, self.trace)
        if site.gateway is not None and is_handshake(self):
            self._become_gateway_connection(site, site.gateway)
            return
        try:
            site.check_host(self)
            if site.is_public(self.path):
                site.cors.allow_every_page(self)
            elif site.is_for_own_pages(self.path):
                site.cors.check_own_page(self)
            else:
                site.cors.check(self)
        except GimError as refusal:
            self.write(refuse(self, refusal))
            self.finish()
            return
        if site.cors.answer_preflight(self):
            self.finish()
            return
        if site.turns.is_over():
            site.turns.turn(group_of(site.client_of(self))).addCallback(self._serve)
        else:
            site.turns.run(self._serve)

    def _become_gateway_connection(self, site: ApiSite, gateway: Gateway) -> None:
        """Let the gateway answer, which checks host and origin itself; it keeps the trace id."""

        def answered(status: int) -> None:
            self.code = status
            site.log(self)

        self.op = ROUTE
        self.requestHeaders.setRawHeaders(site.trace_header, [self.trace])
        hand_to(gateway, self, answered)
        self.channel = None

    def _serve(self, _: object = None) -> None:
        if self.channel is not None:  # the client has not hung up while the request waited
            with traced(self.trace):  # a coroutine keeps the trace of where it starts
                super().process()

    def _take_host_of_path(self) -> None:
        """Take the host of a path in absolute form for the header Host (RFC 9112, section 3.2.2)."""
        absolute = _ABSOLUTE.match(self.path)
        if absolute is not None:
            self.path = self.path[absolute.end() :] or b"/"
            self.requestHeaders.setRawHeaders(b"host", [absolute[1]])

    def _handleStar(self) -> None:
        self.write(refuse(self, no_such_path()))
        self.finish()


class ApiChannel(BoundedChannel):
    """Answers bytes that are not an HTTP request with the envelope, and closes the connection."""

    transport: Any
    length: int | None  # of the body; None if it comes in chunks
    persistent: bool
    requests: list[TracedRequest]
    site: ApiSite

    def allHeadersReceived(self) -> None:
        if self.length is not None and self.length > self.site.max_body and self._expects_continue():
            self._refuse_body(self.length)
        else:
            super().allHeadersReceived()

    def _expects_continue(self) -> bool:
        fields = self.requests[-1].requestHeaders.getRawHeaders(b"expect") or [b""]
        return fields[0].lower() == b"100-continue"

    def _refuse_body(self, length: int) -> None:
        """Serve a request whose body is too long without the body: its client waits for a 100 before it
        sends that. The connection ends with the response."""
        request = self.requests[-1]
        request.requestHeaders.removeHeader(b"expect")
        super().allHeadersReceived()
        request.body_size, self.length, self.persistent = length, 0, False
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])

    def _respondToBadRequestAndDisconnect(self) -> None:
        body = b'{"code":400,"msg":"not a valid HTTP request: send one as in RFC 9112","data":null}'
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        self.loseConnection()

    def lineLengthExceeded(self, line: bytes) -> None:
        self._respondToBadRequestAndDisconnect()


class ApiSite(server.Site):
    """Serves the routes and logs a line for each request, without its query, which may hold a token."""

    protocol = ApiChannel  # type: ignore[assignment]  # plain HTTP/1.1, without the choice of h2
    displayTracebacks = False
    noisy = False
    _log = Logger()

    def __init__(
        self,
        route_sets: Sequence[RouteSet],
        settings: ApiSettings,
        hits: LimitHits,
        clock: IReactorTime,
        *,
        access: AccessControl,
        login_rate: Rate,
        turns: Turns,
        requests: RequestMetrics[str] | None = None,
        proxies: Proxies = NO_PROXIES,
        gateway: Gateway | None = None,
    ) -> None:
        """*hits* counts bodies that are too long; *requests* counts requests, None counts nothing;
        *proxies* are trusted to name their clients. Without *gateway* no WebSocket is served."""
        root = ApiRoot(route_sets, access, settings.max_packet, hits)
        super().__init__(
            root,
            TracedRequest,
            timeout=IDLE_TIMEOUT,
            reactor=clock,
            parsePOSTFormSubmission=False,
        )
        self.access = access
        self.is_public, self.is_for_own_pages = root.is_public, root.is_for_own_pages
        self._login_rate = login_rate
        self.turns = turns
        self.clock = clock
        self.max_body = settings.max_packet
        self.trace_header = settings.trace_header
        self._requests = requests
        self.cors = Cors(settings.origins, settings.trace_header)
        self._proxies = proxies
        self.gateway = gateway
        self._hosts = settings.hosts
        self.idle = IdleConnections()
        self.streams = EventStreams()

    def buildProtocol(self, addr: Any) -> Any:
        channel: Any = super().buildProtocol(addr)
        channel.idle = self.idle
        return channel

    def check_host(self, request: Any) -> None:
        """Raise `BadRequest` unless there is one Host, `Misdirected` unless it is served here."""
        hosts = request.requestHeaders.getRawHeaders(b"host") or []
        if len(hosts) > 1 or (not hosts and request.clientproto == b"HTTP/1.1"):
            raise BadRequest("send one header Host (RFC 9112, section 3.2)")
        if self._hosts is not None and not self._hosts.serve((hosts or [b""])[0].decode("latin-1")):
            raise Misdirected

    async def count_login(self, request: Any) -> None:
        """Count a login against its client's address, or raise `TooManyRequests`."""
        counted = self._login_rate.take(group_of(self.client_of(request)))
        if counted is not None:
            await counted

    def log(self, request: Any) -> None:
        """Count and log a request that has been answered."""
        self.count(request)
        with traced(request.trace):
            self._log.info(
                "{method} {path} {status} {milliseconds:.1f} ms from {peer}",
                method=request.method.decode("ascii", "backslashreplace"),
                path=request.path.decode("ascii", "backslashreplace"),
                status=request.code,
                milliseconds=1000 * (self.clock.seconds() - request.began),
                peer=self.client_of(request) or "-",
            )

    def client_of(self, request: Any) -> str:
        """Return the client's address, "" if there is none, as on a UNIX socket."""
        fields = request.requestHeaders.getRawHeaders(b"x-forwarded-for") or []
        host = host_of(request.getClientAddress())
        return self._proxies.client(host, b",".join(fields).decode("latin-1"))

    def is_secure(self, request: Any) -> bool:
        """Say whether a client's browser speaks TLS, to this server or to a trusted proxy."""
        scheme = header_of(request, "x-forwarded-proto").partition(",")[0].strip().lower()
        is_trusted = self._proxies.trust(host_of(request.getClientAddress()))
        return request.isSecure() or (is_trusted and scheme == "https")

    def count(self, request: Any) -> None:
        """Count a request and how long it took, once: a stream at its beginning."""
        requests = self._requests
        if requests is None or request.is_counted:
            return
        request.is_counted = True
        if request.code == http.OK:
            requests.succeeded(request.op, request.began_ns)
        else:
            requests.failed(request.op, request.code, request.began_ns)
