"""Files that are served from memory: each compressed once, and known to a client by its ETag."""

from __future__ import annotations

import gzip
import re
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from twisted.web import http
from twisted.web.iweb import IRequest

from gim.api.decoding import header_of
from gim.api.envelope import plain

_NO_WEIGHT = re.compile(r"\s*q=0(\.0*)?\s*")


class _Representation(NamedTuple):
    """A file in one encoding."""

    body: bytes
    etag: bytes  # strong, so that those of two encodings differ
    encoding: bytes | None


class StaticFile(NamedTuple):
    """A file in both encodings, and its media type."""

    media: str
    identity: _Representation
    gzip: _Representation


@cache  # a process may build more than one API
def static_file(media: str, source: bytes) -> StaticFile:
    """Prepare a file; *media* is its type."""
    digest = sha256(source).hexdigest()[:32].encode()
    return StaticFile(
        media,
        _Representation(source, b'"%s"' % digest, None),
        # without a time, so that all nodes and workers send the same bytes
        _Representation(gzip.compress(source, mtime=0), b'"%s-gzip"' % digest, b"gzip"),
    )


def serve_file(request: IRequest, file: StaticFile) -> bytes:
    """Set status and headers of the answer with a file; return its body, "" if the client has it."""
    chosen = file.gzip if _accepts_gzip(header_of(request, "accept-encoding")) else file.identity
    request.setHeader(b"ETag", chosen.etag)
    request.setHeader(b"Cache-Control", b"no-cache")  # may be kept, and is compared at each use
    request.setHeader(b"Vary", b"Accept-Encoding")
    if _is_known(request, chosen.etag):
        request.setResponseCode(http.NOT_MODIFIED)
        return b""
    request.setHeader(b"X-Content-Type-Options", b"nosniff")
    if chosen.encoding is not None:
        request.setHeader(b"Content-Encoding", chosen.encoding)
    return plain(request, file.media, chosen.body)


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
