"""Logging in to the console and out of it, and login tokens of users to try."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from gim import ids
from gim.api.decoding import from_body
from gim.api.envelope import answer
from gim.api.openapi.describe import Access, describe
from gim.api.server.access import AccessControl
from gim.api.server.app import App
from gim.api.server.changes import name_target
from gim.api.server.console_cookie import set_cookie
from gim.auth.short_tokens import ShortTokens
from gim.console.door import Door
from gim.console.session import ConsoleSessions
from gim.errors import Conflict, InvalidAdminKey, TooManyRequests, Unavailable
from gim.log.logger import Logger
from gim.model import NOTHING, Nothing
from gim.names import check_name
from gim.net.client_address import group_of
from gim.wire.fields import Id, Name

_UnixMs = Annotated[int, Meta(description="Unix milliseconds")]


class KeyBody(Struct, frozen=True):
    """The administrator's key."""

    key: str


class LoggedIn(Struct, frozen=True):
    """A session of the console: its number in the log, and when it ends at the latest."""

    session: int
    expires_at: _UnixMs
    read_only: bool


class TokenBody(Struct, frozen=True):
    """The user of a login token. Without a name, the user keeps the one of before."""

    user_id: Id
    name: Name = ""


class LoginToken(Struct, frozen=True):
    """A login token."""

    token: str
    expires_at: _UnixMs


class ConsoleDoorRoutes:
    """Logs the administrator in and out, and makes login tokens. It is served if there is a key."""

    app = App()
    _log = Logger()

    def __init__(
        self,
        door: Door,
        sessions: ConsoleSessions,
        access: AccessControl,
        tokens: ShortTokens,
        is_read_only: bool,
    ) -> None:
        self._door = door
        self._sessions = sessions
        self._access = access
        self._tokens = tokens
        self._is_read_only = is_read_only

    @app.route("/console/login", methods=["POST"])
    @describe(
        "Log in to the console with the key of the administrator; sets a cookie.",
        "console",
        access=Access.OWN_PAGES,
        returns=LoggedIn,
        body=KeyBody,
        refuses=(InvalidAdminKey, TooManyRequests, Unavailable),
    )
    async def console_login(self, request: Any) -> bytes:
        peer = request.site.client_of(request)
        try:
            session = self._door.log_in(from_body(request, KeyBody).key, group_of(peer))
        except InvalidAdminKey:
            self._log.warn("console: a wrong key from {peer}", peer=peer or "-")
            raise
        set_cookie(request, self._sessions.cookie_of(session))
        self._log.info(
            "administrator (console session {number}) from {peer}: logged in",
            number=session.number,
            peer=peer or "-",
        )
        return answer(request, LoggedIn(session.number, session.ends_at, self._is_read_only))

    @app.route("/console/login", methods=["DELETE"])
    @describe(
        "Log out of the console.",
        "console",
        access=Access.OWN_PAGES,
        returns=Nothing,
        refuses=(Unavailable,),
    )
    async def console_logout(self, request: Any) -> bytes:
        session = self._access.session_of(request)
        if session is not None:
            self._door.log_out(session)
            request.cookies.clear()  # that of a renewal
            set_cookie(request, "")
            self._log.info(
                "administrator (console session {number}) from {peer}: logged out",
                number=session.number,
                peer=request.site.client_of(request) or "-",
            )
        return answer(request, NOTHING)

    @app.route("/console/token", methods=["POST"])
    @describe(
        "Make a login token of a user for 15 minutes.",
        "console",
        access=Access.ADMIN,
        returns=LoginToken,
        body=TokenBody,
        refuses=(Conflict,),
    )
    async def console_token(self, request: Any) -> bytes:
        body = from_body(request, TokenBody)
        user_id = ids.check_id(body.user_id, "user_id")
        token = self._tokens.make(user_id, check_name(body.name, "name"))
        name_target(request, user_id)
        return answer(request, LoginToken(token.text, token.expires_at))
