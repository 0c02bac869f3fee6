"""Cross-origin requests of browsers (https://fetch.spec.whatwg.org/#http-cors-protocol).

A request from a page of another origin is refused; the standard would only hide the response from the
page. The one cookie, that of the console, counts for no page of another origin:
`gim.api.server.console_cookie`.
"""

from __future__ import annotations

from typing import Any

from gim.api.decoding import header_of
from gim.errors import Forbidden
from gim.net.origins import Origins

MAX_AGE = 600  # seconds that a browser may remember the answer to a preflight
_METHODS = "GET, POST, PUT, PATCH, DELETE"
_EXPOSED = "Retry-After"
CONSOLE_HEADER = "x-gim-console"  # of the console's own requests; other pages may not send it


class Cors:
    """Checks origins and sets the headers of responses."""

    def __init__(self, origins: Origins, trace_header: str) -> None:
        self._origins = origins
        self._allowed = f"Authorization, Content-Type, X-API-Key, {trace_header}".encode()
        self._exposed = f"{trace_header}, {_EXPOSED}".encode()

    def check(self, request: Any) -> None:
        """Set the headers that let a page read the response, or raise `Forbidden` for its origin.

        ``Vary`` is set for requests without an origin too, as a cache may serve the response to a page.
        """
        request.responseHeaders.addRawHeader(b"Vary", b"Origin")
        origins = request.requestHeaders.getRawHeaders(b"origin")
        if not origins or (header_of(request, CONSOLE_HEADER) == "1" and is_of_own_page(request)):
            return
        origin = bytes(origins[0])
        allowed = self._origins.allow(origin.decode("latin-1"), header_of(request, "host"))
        if len(origins) > 1 or not allowed:
            raise Forbidden("this origin is not allowed: see --allowed-origins")
        request.setHeader(b"Access-Control-Allow-Origin", origin.strip())
        request.setHeader(b"Access-Control-Expose-Headers", self._exposed)

    def allow_every_page(self, request: Any) -> None:
        """Set the header that lets a page of any origin read the response, which has no secrets."""
        request.setHeader(b"Access-Control-Allow-Origin", b"*")

    def check_own_page(self, request: Any) -> None:
        """Raise `Forbidden` if a page of another origin asks, whatever --allowed-origins says."""
        if not is_of_own_page(request):
            raise Forbidden("only the pages of this server may ask for this")

    def answer_preflight(self, request: Any) -> bool:
        """Complete the response if the request is a preflight; return whether it is."""
        headers = request.requestHeaders
        if request.method != b"OPTIONS" or not (
            headers.hasHeader(b"origin") and headers.hasHeader(b"access-control-request-method")
        ):
            return False
        request.setResponseCode(204)
        request.setHeader(b"Access-Control-Allow-Methods", _METHODS.encode())
        request.setHeader(b"Access-Control-Allow-Headers", self._allowed)
        request.setHeader(b"Access-Control-Max-Age", b"%d" % MAX_AGE)
        return True


def is_of_own_page(request: Any) -> bool:
    """Say whether a request does not come from a page of another origin.

    Browsers say it in ``Sec-Fetch-Site``, which no page can set, but only to hosts with TLS and to this
    machine (https://www.w3.org/TR/fetch-metadata/). Otherwise the host and port of ``Origin`` must be
    those of ``Host``. A browser leaves ``Origin`` out when it opens a page, and when a page GETs from its
    own origin.
    """
    origins = request.requestHeaders.getRawHeaders(b"origin")
    if not origins or header_of(request, "sec-fetch-site") == "same-origin":
        return True
    scheme, _, authority = header_of(request, "origin").lower().partition("://")
    return len(origins) == 1 and bool(scheme) and authority == header_of(request, "host").lower()
