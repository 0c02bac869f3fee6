"""A request of the HTTP API: its trace id, the checks that all requests pass, and its response."""

from __future__ import annotations

import re
from io import BytesIO
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from twisted.web import http, server

from gim.api.decoding import trace_of
from gim.api.envelope import refuse
from gim.api.server.response_head import status_line, written
from gim.api.server.upgrade import ROUTE, Gateway, hand_to, is_handshake
from gim.api.server.whole_requests import WholeRequest
from gim.console.session import Session
from gim.errors import GimError
from gim.log.logger import traced
from gim.net.client_address import group_of

if TYPE_CHECKING:
    from gim.api.server.site import ApiSite

_ABSOLUTE = re.compile(rb"^https?://([^/?]*)", re.IGNORECASE)


class ApiRequest(server.Request):
    """A request with a trace id, with its body in memory and within a limit."""

    defaultContentType = b"application/json"
    site: ApiSite
    channel: Any = None  # an HTTPChannel, to which the site adds itself, until the request has ended
    trace = ""
    began = 0.0
    began_ns = 0  # by perf_counter_ns
    op = ""  # the name of its route, once that is found
    body_size = 0
    max_body = 0  # bytes
    is_counted = False
    target = ""  # what it changes, if its path does not say that: see gim.api.server.changes
    is_session_read = False
    console_session: Session | None = None  # once it is read

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()  # Twisted uses a file if the length is unknown or large

    def handleContentChunk(self, data: bytes) -> None:
        self.body_size += len(data)
        if self.body_size <= self.max_body:  # more is counted, not kept
            super().handleContentChunk(data)

    def take_whole(self, received: WholeRequest) -> None:
        """Be a request that was received in one piece."""
        self.requestHeaders = received.headers
        self.content = BytesIO(received.body)
        self.body_size = len(received.body)
        self.max_body = self.channel.site.max_body_of(self, received.method, received.uri)
        self.method, self.uri, self.clientproto = received.method, received.uri, b"HTTP/1.1"
        self.path, _, query = received.uri.partition(b"?")
        self.args = http.parse_qs(query, True) if query else {}
        self.parseCookies()
        self.process()

    def process(self) -> None:
        site = self.site = self.channel.site
        self._take_host_of_path()
        self.postpath = [unquote_to_bytes(segment) for segment in self.path[1:].split(b"/")]
        self.began, self.began_ns = site.clock.seconds(), perf_counter_ns()
        self.trace = trace_of(self, site.trace_header)
        if site.gateway is not None and is_handshake(self):
            self._become_gateway_connection(site, site.gateway)
            return
        try:
            site.check_host(self)
            site.check_origin(self)
        except GimError as refusal:
            self.respond(refuse(self, refusal))
            return
        if site.cors.answer_preflight(self):
            self.finish()
        elif site.turns.is_over():
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
        if self.channel is None:  # the client has hung up while the request waited
            return
        with traced(self.trace):  # a coroutine keeps the trace of where it starts
            body = self.site.resource.render(self)
            if body is not server.NOT_DONE_YET:
                self.respond(body)

    def _take_host_of_path(self) -> None:
        """Take the host of a path in absolute form for the header Host (RFC 9112, section 3.2.2)."""
        absolute = None if self.path.startswith(b"/") else _ABSOLUTE.match(self.path)
        if absolute is not None:
            self.path = self.path[absolute.end() :] or b"/"
            self.requestHeaders.setRawHeaders(b"host", [absolute[1]])

    def respond(self, body: bytes) -> None:
        """Write a whole response, and end the request.

        Head and body go out in one piece, and the head is made of parts that are written already: Twisted
        takes three times as long for it.
        """
        has_body = self.code not in http.NO_BODY_CODES
        if self.cookies:
            self.responseHeaders.setRawHeaders(b"Set-Cookie", self.cookies)
        parts = [
            status_line(self.clientproto, self.code, self.code_message),
            self.site.common_fields.written(),
            b"%b: %b\r\n" % (self.site.trace_field, self.trace.encode()),
            written(self.responseHeaders.getAllRawHeaders()),
        ]
        if has_body:
            if not self.responseHeaders.hasHeader(b"Content-Type"):
                parts.append(b"Content-Type: %b\r\n" % self.defaultContentType)
            parts.append(b"Content-Length: %d\r\n" % len(body))
        parts.append(b"\r\n")
        if has_body and self.method != b"HEAD":
            parts.append(body)
        self.startedWriting = 1
        self.sentLength = len(body)
        self.channel.write_whole(b"".join(parts))
        self.finish()

    def write(self, data: bytes) -> None:
        if not self.startedWriting:
            self.setHeader(b"Server", server.version)
            self.setHeader(b"Date", http.datetimeToString())
            self.setHeader(self.site.trace_field, self.trace)
        super().write(data)
