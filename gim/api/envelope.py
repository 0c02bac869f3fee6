"""Answers of the HTTP API: ``{"code","msg","data"}`` as JSON, the code as HTTP status as well."""

from __future__ import annotations

import msgspec
from msgspec import Struct
from twisted.web.iweb import IRequest

from gim.errors import GimError, MethodNotAllowed, NotReady, Unauthorized


class _Envelope(Struct):
    code: int
    msg: str
    data: Struct | None


class WhyNotReady(Struct, frozen=True):
    """What a 503 of ``/readyz`` tells to a program."""

    reason: str


_encode = msgspec.json.Encoder().encode


def answer(request: IRequest, data: Struct) -> bytes:
    """Return the body of a success."""
    return _body(request, 200, _Envelope(0, "", data))


def refuse(request: IRequest, error: GimError) -> bytes:
    """Return the body of a refusal, with the headers that belong to its code."""
    data = WhyNotReady(error.reason) if isinstance(error, NotReady) else None
    if isinstance(error, MethodNotAllowed):
        request.setHeader(b"Allow", error.allow.encode())
    elif isinstance(error, Unauthorized):
        request.setHeader(b"WWW-Authenticate", b"Bearer")
    return _body(request, error.code, _Envelope(error.code, str(error), data))


def _body(request: IRequest, status: int, envelope: _Envelope) -> bytes:
    body = _encode(envelope)
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", b"application/json")
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body
