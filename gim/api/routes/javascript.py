"""The JavaScript client library, so that a page on the web needs one line to import it.

The files are those of ``clients/js``, to which the link ``gim/api/javascript`` leads.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

from twisted.web import http
from twisted.web.iweb import IRequest

from gim.api.decoding import header_of
from gim.api.envelope import plain
from gim.api.errors import no_such_path
from gim.api.openapi.describe import JAVASCRIPT, Access, describe
from gim.api.server.app import App

_NO_WEIGHT = re.compile(r"\s*q=0(\.0*)?\s*")


class _Representation(NamedTuple):
    """A module in one encoding."""

    body: bytes
    etag: bytes  # strong, so that those of two encodings differ
    encoding: bytes | None


class _Module(NamedTuple):
    """A module in both encodings."""

    identity: _Representation
    gzip: _Representation


def modules() -> dict[str, bytes]:
    """Read the library: UTF-8 by the name of the file."""
    found = files("gim.api") / "javascript"
    return {each.name: each.read_bytes() for each in found.iterdir() if each.name.endswith(".js")}


class JavaScriptRoutes:
    """Serves modules from memory. Pages of every origin may import them: they hold no secrets."""

    app = App()

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        """*sources* holds the UTF-8 of each module by its name."""
        self._modules = {name: _encoded(source) for name, source in sources.items()}

    @app.route("/client/<module>", methods=["GET"])
    @describe(
        "A module of the JavaScript client library, such as `gim.js`.",
        "client",
        access=Access.PUBLIC,
        media=(JAVASCRIPT,),
    )
    async def javascript(self, request: IRequest, module: str) -> bytes:
        found = self._modules.get(module)
        if found is None:
            raise no_such_path()
        chosen = found.gzip if _accepts_gzip(header_of(request, "accept-encoding")) else found.identity
        request.setHeader(b"ETag", chosen.etag)
        request.setHeader(b"Cache-Control", b"no-cache")  # may be kept, and is compared at each use
        request.setHeader(b"Vary", b"Accept-Encoding")
        if _is_known(request, chosen.etag):
            request.setResponseCode(http.NOT_MODIFIED)
            return b""
        return _body(request, chosen)


@cache  # a process may build more than one API
def _encoded(source: bytes) -> _Module:
    digest = sha256(source).hexdigest()[:32].encode()
    return _Module(
        _Representation(source, b'"%s"' % digest, None),
        # without a time, so that all nodes and workers send the same bytes
        _Representation(gzip.compress(source, mtime=0), b'"%s-gzip"' % digest, b"gzip"),
    )


def _accepts_gzip(codings: str) -> bool:
    """Say whether an ``Accept-Encoding`` names gzip with a weight above 0 (RFC 9110, section 12.5.3)."""
    for coding in codings.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return not _NO_WEIGHT.fullmatch(weight)
    return False


def _is_known(request: IRequest, etag: bytes) -> bool:
    """Say whether the client has this already, by the weak comparison of RFC 9110, section 13.1.2."""
    fields = b",".join(request.requestHeaders.getRawHeaders(b"if-none-match") or [])
    tags = {tag.strip().removeprefix(b"W/") for tag in fields.split(b",")}
    return etag in tags or b"*" in tags


def _body(request: IRequest, chosen: _Representation) -> bytes:
    request.setHeader(b"X-Content-Type-Options", b"nosniff")
    if chosen.encoding is not None:
        request.setHeader(b"Content-Encoding", chosen.encoding)
    return plain(request, JAVASCRIPT, chosen.body)
