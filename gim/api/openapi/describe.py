"""The description of a route, declared beside it.

`gim.api.server.app` enforces its `Access`, `gim.api.openapi.document` writes all of it down.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import Enum
from http import HTTPStatus
from typing import Annotated, Any, Final, Protocol, TypeVar

from klein import Klein
from msgspec import Meta, Struct

from gim.errors import (
    BadRequest,
    Forbidden,
    GimError,
    InternalError,
    InvalidAdminKey,
    Misdirected,
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
JAVASCRIPT: Final = "text/javascript; charset=utf-8"
EVENTS: Final = "text/event-stream"  # the route returns a `gim.api.server.event_stream.EventStream`
CSS: Final = "text/css; charset=utf-8"
SVG: Final = "image/svg+xml"

ConnectionKey = Annotated[
    str, Meta(description="the `key` of a connection, from the list of connections")
]
ModuleName = Annotated[str, Meta(description="the name of a file of the library, such as `gim.js`")]
ConsoleFile = Annotated[
    str, Meta(description="the path of a file of the console, such as `app.js`; its slashes stay slashes")
]

# The parameters of paths: the type of each, and the field of a request's struct that it fills.
PATH_PARAMETERS: Final[Mapping[str, tuple[Any, str]]] = {
    "user_id": (Id, "id"),
    "chatroom_id": (Id, "id"),
    "session_id": (SessionId, "session_id"),
    "message_id": (MessageId, "message_id"),
    "key": (ConnectionKey, "key"),
    "module": (ModuleName, "module"),
    "file": (ConsoleFile, "file"),
}


# The groups of routes, in the order of the document.
GROUPS: Final[Mapping[str, str]] = {
    "users": "Log in, and see who is online.",
    "messages": "Send messages.",
    "sessions": "Conversations: list them, read their history, mark them as read.",
    "chatrooms": "Join and leave chatrooms, and list their members.",
    "gateway": "The WebSocket gateway, which is at this address too.",
    "administration": "What the administrator may do, with the key in the header X-API-Key.",
    "health": "Whether the server lives and can serve, and its metrics.",
    "profiling": "Profiles of CPU and memory, for clients on the server's machine.",
    "client": "The client library for web pages.",
    "console": "The console: pages for the operator.",
    "documents": "This description.",
}


class Access(Enum):
    """Who may call a route."""

    OPEN = "everyone"
    PUBLIC = "everyone, and web pages whatever their origin is"
    OWN_PAGES = "everyone, and of web pages only those of this server"
    USER = "a user, with the token of a login; the route gets the `User` after the request"
    ADMIN = "the administrator, with the key"
    CONSOLE = "the administrator; without a key for one, clients on the server's machine"
    LOCAL = "clients on the server's machine, and the administrator from anywhere"


_REFUSALS: Final[Mapping[Access, frozenset[type[GimError]]]] = {
    Access.OPEN: frozenset(),
    Access.PUBLIC: frozenset(),
    Access.OWN_PAGES: frozenset(),
    Access.USER: frozenset({Unauthorized, Forbidden, Unavailable}),  # no token, banned, no storage
    # every such route needs the storage, and may be refused to a console that is read-only
    Access.ADMIN: frozenset({InvalidAdminKey, Forbidden, Unavailable}),
    Access.CONSOLE: frozenset({InvalidAdminKey, Forbidden, Unavailable}),
    Access.LOCAL: frozenset({Forbidden}),
}


class Description(Struct, frozen=True):
    """What a route takes and returns, and who may call it.

    ``returns`` is the struct of a success, in its envelope; None for a body without an envelope, of one
    of the types in ``media``. Where a query decides between the two, both are given. ``query`` and
    ``body`` are structs of requests; fields that the path fills come from neither. A body may be
    ``body_factor`` times as long as `--max-packet`.
    """

    summary: str
    group: str
    access: Access
    returns: type[Struct] | None
    media: tuple[str, ...]
    query: type[Struct] | None
    body: type[Struct] | None
    refuses: tuple[type[GimError], ...]
    status: HTTPStatus
    body_factor: int

    def refusals(self, path: Collection[str]) -> list[type[GimError]]:
        """Return all errors that the route may return, in order of their codes.

        *path* holds the names of the parameters in its path.
        """
        found = {*self.refuses, *_REFUSALS[self.access], PayloadTooLarge, Misdirected, InternalError}
        if path or self.query is not None or self.body is not None:
            found.add(BadRequest)
        if path:  # with %2F in it, it is another path
            found.add(NotFound)
        return sorted(found, key=lambda error: error.code)


def describe(
    summary: str,
    group: str,
    *,
    access: Access,
    returns: type[Struct] | None = None,
    media: tuple[str, ...] = (JSON,),
    query: type[Struct] | None = None,
    body: type[Struct] | None = None,
    refuses: tuple[type[GimError], ...] = (),
    status: HTTPStatus = HTTPStatus.OK,
    body_factor: int = 1,
) -> Callable[[F], F]:
    """Describe a route, below its ``@app.route``; `Description` explains the arguments.

    *refuses* leaves out the errors that follow from *access*, from a query, a body or a path with
    parameters, and those of every route. *status* is that of a success. With a
    *body_factor* above 1, the route must be one of the administrator, and have no parameters in its path.
    """
    description = Description(
        summary, group, access, returns, media, query, body, refuses, status, body_factor
    )

    def mark(route: F) -> F:
        route.description = description  # type: ignore[attr-defined]
        return route

    return mark


def description_of(route: Any) -> Description:
    """Return the description of a route; `LookupError` if it has none."""
    found = getattr(route, "description", None)
    if not isinstance(found, Description):
        raise LookupError(f"the route {route.__name__!r} lacks @describe")
    return found


class RouteSet(Protocol):
    """Routes on a Klein app of their own. Two sets may share a path, with other methods and names."""

    @property
    def app(self) -> Klein:
        """The app, bound to this object."""
