"""What gim refuses, one class for each code of the protocol (docs/protocol.md, section 3)."""

from typing import Literal


class GimError(Exception):
    """A refusal made on purpose; whatever else is raised is a bug and becomes a 500.

    ``code`` is what clients match on and is the HTTP status as well; ``str(error)`` is one sentence
    for people that says what was wrong and what to do.
    """

    code = 500


class BadRequest(GimError):
    """Not a packet, an unknown operation, or a field missing, of the wrong type or out of range."""

    code = 400


class Unauthorized(GimError):
    """Not logged in, or a token that is not valid (any more). ``scheme`` is how to come in on HTTP."""

    code = 401
    scheme = "Bearer"


class InvalidAdminKey(Unauthorized):
    """HTTP only: the administrator's key is missing or wrong."""

    scheme = "X-API-Key"

    def __init__(self) -> None:
        super().__init__("send X-API-Key with the key of this server's administrator")


class Forbidden(GimError):
    """A chatroom or a private session that one is no member of, what one's role does not allow, somebody
    who is muted or banned, or what only this machine may ask."""

    code = 403


class NotFound(GimError):
    """No such user, chatroom, member, session, message or path."""

    code = 404


class MethodNotAllowed(GimError):
    """HTTP only: the path exists, but not with this method; *allow* names those it has."""

    code = 405

    def __init__(self, allow: str) -> None:
        super().__init__(f"this path takes {allow}")
        self.allow = allow


class Conflict(GimError):
    """The connection is logged in as somebody else, a chatroom to be created exists, what only one may do
    is being done, or there are as many connections, chatrooms or members as there may be."""

    code = 409


class PayloadTooLarge(GimError):
    """The content, or the whole body, is longer than the limit."""

    code = 413


class TooManyRequests(GimError):
    """More packets or messages in a time than are allowed."""

    code = 429


class InternalError(GimError):
    """A fault of the server, logged under *trace*."""

    code = 500

    def __init__(self, trace: str) -> None:
        super().__init__(f"a fault of the server; tell its operator the trace id {trace}")


class Unavailable(GimError):
    """The storage can't be reached, or the server is stopping."""

    code = 503


class NotReady(Unavailable):
    """Requests can't be served for now; *reason* is ``starting``, ``draining``, ``storage`` or
    ``overloaded``."""

    def __init__(
        self, reason: Literal["starting", "draining", "storage", "overloaded"], message: str
    ) -> None:
        super().__init__(message)
        self.reason = reason
