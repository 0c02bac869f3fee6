"""The cookie of the console, and which requests it counts for.

A browser sends the cookie with every request to this host, whichever page makes it. So it counts only for
requests of the console's own pages: they have a header that no page of another origin may send, as no
answer to a preflight allows it.
"""

from __future__ import annotations

from typing import Any

from gim.api.decoding import header_of
from gim.api.server.cors import CONSOLE_HEADER, is_of_own_page
from gim.console.session import COOKIE, IDLE_TIMEOUT

SAFE_METHODS = frozenset({b"GET", b"HEAD"})


def cookie_of(request: Any) -> str | None:
    """Return the cookie's value if it counts for a request, else None.

    Without ``Sec-Fetch-Site``, a request that could change anything must have the ``Origin`` of this
    server. Browsers leave out both where a page GETs from its own origin without TLS.
    """
    value = request.getCookie(COOKIE)
    if value is None or header_of(request, CONSOLE_HEADER) != "1" or not is_of_own_page(request):
        return None
    has_proof = request.requestHeaders.hasHeader("origin") or _site_of(request) == "same-origin"
    if _site_of(request) not in ("", "same-origin") or not (has_proof or request.method in SAFE_METHODS):
        return None
    return bytes(value).decode("latin-1")


def _site_of(request: Any) -> str:
    return header_of(request, "sec-fetch-site")


def set_cookie(request: Any, value: str) -> None:
    """Give a browser the cookie, or take it away for an empty *value*."""
    request.addCookie(
        COOKIE,
        value.encode(),
        path=b"/",
        max_age=str(IDLE_TIMEOUT if value else 0).encode(),
        secure=request.site.is_secure(request),
        httpOnly=True,
        sameSite=b"strict",
    )
