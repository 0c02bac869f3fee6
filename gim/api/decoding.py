"""From path, query, body and headers of an HTTP request to the structs of the wire."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from twisted.web.iweb import IRequest

from gim.errors import BadRequest, Unauthorized
from gim.log.logger import accept_trace
from gim.wire.broken_json import explain_broken
from gim.wire.packets import explain

T = TypeVar("T", bound=Struct)

_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def from_body(request: IRequest, into: type[T], **path: str) -> T:
    """Read a JSON body. Fields in *path* override it. Raises `BadRequest`."""
    return from_json(request.content.read(), into, **path)


def from_json(body: bytes, into: type[T], **path: str) -> T:
    """Read JSON. Fields in *path* override it. Raises `BadRequest`.

    An empty body is ``{}``, and so is ``null``, which generated clients send for a body that is left out.
    """
    if body.strip() in (b"", b"null"):
        body = b"{}"
    try:
        fields = _decode_object(body)
    except msgspec.ValidationError as error:
        is_number = "out of range" in str(error)
        raise BadRequest(
            f"body: {'a number is out of range' if is_number else 'send a JSON object'}"
        ) from error
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise BadRequest(f"body: {explain_broken(body, error)}") from error
    return _convert(_with_integers(fields) | path, into, strict=True)


def _with_integers(fields: dict[str, Any]) -> dict[str, Any]:
    """Take 1.0 for 1, as JSON Schema does: some languages have no integers."""
    for name, value in fields.items():
        if isinstance(value, float) and value.is_integer():
            fields[name] = int(value)
    return fields


def from_query(request: IRequest, into: type[T], **path: str) -> T:
    """Read the query, the last value of each name. Fields in *path* override it. Raises `BadRequest`."""
    try:
        fields = {name.decode(): values[-1].decode() for name, values in request.args.items()}
    except UnicodeDecodeError as error:
        raise BadRequest("write the query parameters in percent-encoded UTF-8") from error
    return _convert(fields | path, into, strict=False)


def _convert(fields: dict[str, Any], into: type[T], strict: bool) -> T:
    try:
        return msgspec.convert(fields, into, strict=strict)
    except (msgspec.ValidationError, RecursionError) as error:
        raise BadRequest(explain(error)) from error


def header_of(request: IRequest, name: str) -> str:
    """Return the last value of a header as Latin-1, "" if there is none."""
    values = request.requestHeaders.getRawHeaders(name.encode()) or [b""]
    return bytes(values[-1]).decode("latin-1")


def trace_of(request: IRequest, trace_header: str) -> str:
    """Return the trace id that a request carries, or a new one."""
    parents = request.requestHeaders.getRawHeaders(b"traceparent") or []
    # RFC 9110 joins several headers with commas, which is not a valid traceparent
    return accept_trace(header_of(request, trace_header), b", ".join(parents).decode("latin-1"))


def token_of(request: IRequest) -> str:
    """Return the bearer token from the header, else from the query, or raise `Unauthorized`."""
    scheme, _, token = header_of(request, "authorization").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    in_query = request.args.get(b"token", [b""])[-1]
    if in_query:
        return bytes(in_query).decode("ascii", "replace")
    raise Unauthorized(
        "log in first: send Authorization: Bearer TOKEN, with the token that POST /v1/login returns"
    )
