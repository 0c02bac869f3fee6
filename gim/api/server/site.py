"""The HTTP site: checks, limits and logs that apply to all routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.web import http, server

from gim.api.decoding import header_of
from gim.api.openapi.describe import RouteSet
from gim.api.server.access import AccessControl
from gim.api.server.access_lines import AccessLines
from gim.api.server.app import Route
from gim.api.server.channel import IDLE_TIMEOUT, BoundedChannel
from gim.api.server.cors import Cors
from gim.api.server.event_stream import EventStreams
from gim.api.server.idle_connections import IdleConnections
from gim.api.server.request import ApiRequest
from gim.api.server.response_head import CommonFields, canonical
from gim.api.server.root import ApiRoot
from gim.api.server.upgrade import Gateway
from gim.api.settings import ApiSettings
from gim.concurrency.clocks import WallClock
from gim.concurrency.turns import Turns
from gim.errors import BadRequest, Misdirected
from gim.limits.limits import LimitHits
from gim.limits.rate_per_second import Rate
from gim.log.logger import Logger, traced
from gim.metrics.instruments.requests import RequestMetrics
from gim.net.client_address import NO_PROXIES, Proxies, group_of, host_of


class ApiChannel(BoundedChannel):
    """Answers bytes that are not an HTTP request with the envelope, and closes the connection."""

    transport: Any
    length: int | None  # of the body; None if it comes in chunks
    _command: bytes  # the method
    _path: bytes
    persistent: bool
    requests: list[ApiRequest]
    site: ApiSite

    def allHeadersReceived(self) -> None:
        request = self.requests[-1]
        request.max_body = self.site.max_body_of(request, self._command, self._path)
        if self.length is not None and self.length > request.max_body and self._expects_continue():
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
        root = ApiRoot(route_sets, access, hits)
        super().__init__(
            root,
            ApiRequest,
            timeout=IDLE_TIMEOUT,
            reactor=clock,
            parsePOSTFormSubmission=False,
        )
        self.access = access
        self._login_rate = login_rate
        self.turns = turns
        self.clock = clock
        self.max_body = settings.max_packet
        self.trace_header = settings.trace_header
        self.trace_field = canonical(settings.trace_header)
        self.common_fields = CommonFields(WallClock())
        self._requests = requests
        self.cors = Cors(settings.origins, settings.trace_header)
        self._proxies = proxies
        self.gateway = gateway
        self._hosts = settings.hosts
        self._lines = AccessLines(settings.log_requests)
        self.idle = IdleConnections()
        self.streams = EventStreams()

    def buildProtocol(self, addr: Any) -> Any:
        channel: Any = super().buildProtocol(addr)
        channel.idle = self.idle
        return channel

    def max_body_of(self, request: Any, method: bytes, path: bytes) -> int:
        """Return how many bytes the body of a request may have, of which only the headers are there.

        Only the administrator, with the key, may send a longer body where a route takes one.
        """
        route: Route | None = self.resource.routes.fixed.get((method, path))
        if route is None or route.body_factor == 1 or not self.access.has_key_of(request):
            return self.max_body
        return self.max_body * route.body_factor

    def check_host(self, request: Any) -> None:
        """Raise `BadRequest` unless there is one Host, `Misdirected` unless it is served here."""
        hosts = request.requestHeaders.getRawHeaders(b"host") or []
        if len(hosts) > 1 or (not hosts and request.clientproto == b"HTTP/1.1"):
            raise BadRequest("send one header Host (RFC 9112, section 3.2)")
        if self._hosts is not None and not self._hosts.serve((hosts or [b""])[0].decode("latin-1")):
            raise Misdirected

    def check_origin(self, request: Any) -> None:
        """Set the headers that let a page of another origin read the response, or raise `Forbidden`."""
        branch = self.resource.branch_of(request.postpath)
        if branch is not None and branch.is_public and b"%" not in request.path:
            self.cors.allow_every_page(request)
        elif branch is not None and branch.is_for_own_pages:
            self.cors.check_own_page(request)
        else:
            self.cors.check(request)

    async def count_login(self, request: Any) -> None:
        """Count a login against its client's address, or raise `TooManyRequests`."""
        counted = self._login_rate.take(group_of(self.client_of(request)))
        if counted is not None:
            await counted

    def log(self, request: Any) -> None:
        """Count a request that has been answered, and log it if it is to have a line."""
        self.count(request)
        if not self._lines.has(request.op, request.code):
            return
        method = request.method.decode("ascii", "backslashreplace")
        path = request.path.decode("ascii", "backslashreplace")
        milliseconds = 1000 * (self.clock.seconds() - request.began)
        peer = self.client_of(request) or "-"
        with traced(request.trace):
            self._log.info(
                "{method} {path} {status} {milliseconds:.1f} ms from {peer}",
                method=method,
                path=path,
                status=request.code,
                milliseconds=milliseconds,
                peer=peer,
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
