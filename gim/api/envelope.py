"""The envelope of the HTTP API: ``{"code","msg","data"}``. An error's code is the HTTP status too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
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
    UpgradeRequired,
)
from gim.limits import retry_after

T = TypeVar("T")


class Success(Struct, Generic[T]):
    """The envelope of a success."""

    code: Literal[0]
    msg: Literal[""]
    data: T


class Refusal(Struct):
    """The envelope of an error: `msg` says what was wrong and what to do."""

    code: int
    msg: str
    data: None = None


class WhyNotReady(Struct, frozen=True):
    """Why ``/readyz`` answers 503, for programs."""

    reason: Literal["starting", "draining", "storage", "overloaded"]


class Unready(Struct):
    """The envelope of a 503 of ``/readyz``."""

    code: int
    msg: str
    data: WhyNotReady


class Header(NamedTuple):
    """A header that goes with an error: its name, its description, how to make its value."""

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
    TooManyRequests: Header("Retry-After", _RETRY.description, lambda error: str(error.wait)),
    Unauthorized: _challenge(Unauthorized),
    Unavailable: _RETRY,
    InvalidAdminKey: _challenge(InvalidAdminKey),
    UpgradeRequired: Header("Upgrade", "always websocket", lambda error: "websocket"),
}

# The envelopes of errors with more than a code and a sentence.
ENVELOPES: Final[Mapping[type[GimError], type[Struct]]] = {NotReady: Unready}

_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}  # Twisted does not know 421

_encode = msgspec.json.Encoder().encode


def answer(request: IRequest, data: Struct) -> bytes:
    """Set the status of a success and return its body."""
    return _body(request, 200, Success(0, "", data))


def refuse(request: IRequest, error: GimError) -> bytes:
    """Set the status and the header of an error and return its body."""
    header = HEADERS.get(type(error))
    if header is not None:
        request.setHeader(header.name.encode(), header.value(error).encode())
    return _body(request, error.code, _envelope(error))


def _envelope(error: GimError) -> Struct:
    if isinstance(error, NotReady):
        return Unready(error.code, str(error), WhyNotReady(error.reason))
    return Refusal(error.code, str(error))


def plain(request: IRequest, media: str, body: bytes) -> bytes:
    """Set the type of a body without envelope and return it; *media* is its type."""
    request.setHeader(b"Content-Type", media.encode())
    return body


def _body(request: IRequest, status: int, envelope: Struct) -> bytes:
    """Set the status; JSON is the type of a response that says no other."""
    request.setResponseCode(status, _PHRASES[status])
    return _encode(envelope)
