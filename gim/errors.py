"""The errors that clients get, one class for each code of the protocol: docs/errors.md."""

from math import ceil
from typing import Literal


class GimError(Exception):
    """A refusal made on purpose; any other exception is a bug and becomes a 500.

    ``code`` is for programs, and is the HTTP status as well; ``str(error)`` is for people: one sentence
    that says what was wrong and what to do.
    """

    code = 500


class BadRequest(GimError):
    """Not a valid packet, an unknown operation, or a field that is missing, of the wrong type or out of
    range."""

    code = 400


class Unauthorized(GimError):
    """Not logged in, or a token that is invalid or has expired. ``scheme`` is the HTTP challenge."""

    code = 401
    scheme = "Bearer"


class InvalidAdminKey(Unauthorized):
    """HTTP only: the administrator's key is missing or wrong."""

    scheme = "X-API-Key"

    def __init__(self, message: str = "") -> None:
        """Without a *message* it says how a request has the key."""
        super().__init__(
            message or "the administrator's key is missing or wrong: send it in the header X-API-Key"
        )


class Forbidden(GimError):
    """A chatroom or a private session of which the user is not a member, an action that the user's role
    does not allow, a muted or banned user, or a request that only the server's machine may send."""

    code = 403


class Banned(Forbidden):
    """An administrator has banned the user, for *left_ms* milliseconds more."""

    def __init__(self, left_ms: int) -> None:
        super().__init__(f"you are banned for {max(1, ceil(left_ms / 1000))} s: wait until then")


class NotFound(GimError):
    """No such user, chatroom, member, session, message or path."""

    code = 404


class MethodNotAllowed(GimError):
    """HTTP only: the path does not have this method; *allow* lists the methods it has."""

    code = 405

    def __init__(self, allow: str) -> None:
        super().__init__(f"this path does not have this method: use {allow}")
        self.allow = allow


class Conflict(GimError):
    """The connection is logged in as another user, the chatroom to create exists, a ``request_id`` was
    used for another message, another client is profiling already, or the limit of connections, chatrooms
    or members is reached."""

    code = 409


class TooManyConnections(Conflict):
    """The user has as many connections to this node as the limit allows."""


class PayloadTooLarge(GimError):
    """The content or the body is longer than the limit."""

    code = 413


class Misdirected(GimError):
    """The server has no key, and the header Host has a name other than localhost that is not listed in
    ``--allowed-origins``: a web page may have given its own name the server's address."""

    code = 421

    def __init__(self) -> None:
        super().__init__(
            "this host is not served without a key: use an IP address or localhost, or list its name in"
            " --allowed-origins"
        )


class UpgradeRequired(GimError):
    """HTTP only: the path takes WebSocket connections, and the request is not the handshake of one."""

    code = 426

    def __init__(self) -> None:
        super().__init__(
            "this is the address of the gateway: connect with WebSocket, by HTTP/1.1 with the header"
            " Upgrade: websocket and without a body"
        )


class TooManyRequests(GimError):
    """More packets or messages in a period than the limit allows. ``wait`` is in seconds."""

    code = 429

    def __init__(self, what: str, wait: int = 1) -> None:
        super().__init__(f"{what}: wait {'a second' if wait == 1 else f'{wait} s'}")
        self.wait = wait


class InternalError(GimError):
    """A fault of the server, logged under *trace*."""

    code = 500

    def __init__(self, trace: str) -> None:
        super().__init__(f"a fault of the server: tell its operator the trace id {trace}")


class Unavailable(GimError):
    """The storage does not answer, or the server is stopping."""

    code = 503


class NotReady(Unavailable):
    """The server can't serve requests now; *reason* is ``starting``, ``draining``, ``storage`` or
    ``overloaded``."""

    def __init__(
        self, reason: Literal["starting", "draining", "storage", "overloaded"], message: str
    ) -> None:
        super().__init__(message)
        self.reason = reason
