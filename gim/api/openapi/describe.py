"""What a route says of itself, declared beside it; `gim.api.openapi.document` writes it down."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Protocol, TypeVar

from klein import Klein
from msgspec import Struct

from gim.api.routes.inputs import ConnectionKey
from gim.errors import (
    BadRequest,
    Forbidden,
    GimError,
    InternalError,
    InvalidAdminKey,
    NotFound,
    PayloadTooLarge,
    Unauthorized,
    Unavailable,
)
from gim.wire.fields import Id, MessageId, SessionId

F = TypeVar("F", bound=Callable[..., Any])

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
BINARY: Final = "application/octet-stream"

# The parameters of paths: what each is, and the field of a request's struct that it fills.
PATH_PARAMETERS: Final[Mapping[str, tuple[Any, str]]] = {
    "user_id": (Id, "id"),
    "chatroom_id": (Id, "id"),
    "session_id": (SessionId, "session_id"),
    "message_id": (MessageId, "message_id"),
    "key": (ConnectionKey, "key"),
}


class Description(Struct, frozen=True):
    """What a route takes and answers.

    ``returns`` is the struct of a success, in its envelope; None for a body without one, of a type out
    of ``media``. ``query`` and ``body`` are structs of requests; what the path fills is in neither.
    """

    summary: str
    group: str
    returns: type[Struct] | None
    media: tuple[str, ...]
    query: type[Struct] | None
    body: type[Struct] | None
    needs_token: bool
    needs_key: bool  # the administrator's
    refuses: tuple[type[GimError], ...]

    def refusals(self, path: Collection[str]) -> list[type[GimError]]:
        """Return all errors that it may answer with, in order of their codes.

        *path* are the names of the parameters in its path.
        """
        found = {*self.refuses, PayloadTooLarge, InternalError}
        if self.needs_token:  # it is checked with the key of the data set, which the storage has
            found |= {Unauthorized, Forbidden, Unavailable}  # the second is for those who are banned
        if self.needs_key:  # what is behind it asks the storage
            found |= {InvalidAdminKey, Unavailable}
        if path or self.query is not None or self.body is not None:
            found.add(BadRequest)
        if path:  # with %2F in it, it is another path
            found.add(NotFound)
        return sorted(found, key=lambda error: error.code)


def describe(
    summary: str,
    group: str,
    *,
    returns: type[Struct] | None = None,
    media: tuple[str, ...] = (JSON,),
    query: type[Struct] | None = None,
    body: type[Struct] | None = None,
    needs_token: bool = True,
    needs_key: bool = False,
    refuses: tuple[type[GimError], ...] = (),
) -> Callable[[F], F]:
    """Describe a route, below its ``@app.route``; the arguments are those of `Description`.

    Errors that every route may answer with, or every one that takes a token, a query or a body, need
    not be named.
    """
    description = Description(
        summary, group, returns, media, query, body, needs_token, needs_key, refuses
    )

    def mark(route: F) -> F:
        route.description = description  # type: ignore[attr-defined]
        return route

    return mark


def description_of(routes: Any, endpoint: str) -> Description:
    """Return what the route of a Klein endpoint says of itself; `LookupError` if it says nothing."""
    found = getattr(getattr(routes, endpoint, None), "description", None)
    if not isinstance(found, Description):
        raise LookupError(f"the route {endpoint!r} lacks @describe")
    return found


class RouteSet(Protocol):
    """Routes on a Klein app of their own. The first segments of their paths are those of no other, but
    for the administrator's, which have a door of their own."""

    @property
    def app(self) -> Klein:
        """The app, bound to this object."""
