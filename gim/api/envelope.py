"""Answers of the HTTP API: ``{"code","msg","data"}`` as JSON, the code as HTTP status as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Struct
from twisted.web.iweb import IRequest

from gim.errors import (
    GimError,
    InvalidAdminKey,
    MethodNotAllowed,
    NotReady,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from gim.limits import retry_after

T = TypeVar("T")


class Success(Struct, Generic[T]):
    """The envelope of an answer."""

    code: Literal[0]
    msg: Literal[""]
    data: T


class Refusal(Struct):
    """The envelope of an error: `msg` says what was wrong and what to do."""

    code: int
    msg: str
    data: None = None


class WhyNotReady(Struct, frozen=True):
    """What a 503 of ``/readyz`` tells to a program."""

    reason: Literal["starting", "draining", "storage", "overloaded"]


class Unready(Struct):
    """The envelope of a 503 of ``/readyz``."""

    code: int
    msg: str
    data: WhyNotReady


class Header(NamedTuple):
    """A header that belongs to an error: what it holds, in words, and how to make it."""

    name: str
    description: str
    value: Callable[[Any], str]


_RETRY = Header(
    "Retry-After", "seconds to wait before the next try", lambda error: str(retry_after.REQUEST)
)


def _challenge(error: type[Unauthorized]) -> Header:
    return Header("WWW-Authenticate", f"always {error.scheme}", lambda error: error.scheme)


HEADERS: Final[Mapping[type[GimError], Header]] = {
    MethodNotAllowed: Header("Allow", "the methods that this path has", lambda error: error.allow),
    NotReady: _RETRY,
    TooManyRequests: _RETRY,
    Unauthorized: _challenge(Unauthorized),
    Unavailable: _RETRY,
    InvalidAdminKey: _challenge(InvalidAdminKey),
}

# The envelopes of errors that tell more than code and sentence.
ENVELOPES: Final[Mapping[type[GimError], type[Struct]]] = {NotReady: Unready}

_encode = msgspec.json.Encoder().encode


def answer(request: IRequest, data: Struct) -> bytes:
    """Return the body of a success."""
    return _body(request, 200, Success(0, "", data))


def refuse(request: IRequest, error: GimError) -> bytes:
    """Return the body of a refusal, with the header that belongs to its code."""
    header = HEADERS.get(type(error))
    if header is not None:
        request.setHeader(header.name.encode(), header.value(error).encode())
    return _body(request, error.code, _envelope(error))


def _envelope(error: GimError) -> Struct:
    if isinstance(error, NotReady):
        return Unready(error.code, str(error), WhyNotReady(error.reason))
    return Refusal(error.code, str(error))


def plain(request: IRequest, media: str, body: bytes) -> bytes:
    """Return a body that has no envelope, of the type *media*."""
    request.setHeader(b"Content-Type", media.encode())
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body


def _body(request: IRequest, status: int, envelope: Struct) -> bytes:
    request.setResponseCode(status)
    return plain(request, "application/json", _encode(envelope))
