"""The console: its files, its login, and what its page asks first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from twisted.web.iweb import IRequest
from werkzeug.routing import PathConverter

from gim import __version__, ids
from gim.api.decoding import from_body, header_of
from gim.api.envelope import answer
from gim.api.errors import no_such_path
from gim.api.openapi.describe import CSS, HTML, JAVASCRIPT, JSON, SVG, TEXT, Access, describe
from gim.api.server.access import AccessControl
from gim.api.server.app import App
from gim.api.server.changes import name_target
from gim.api.server.console_cookie import set_cookie
from gim.api.server.upgrade import PATH
from gim.api.static_files import StaticFile, serve_file
from gim.auth.short_tokens import ShortTokens
from gim.console.door import Door
from gim.console.files import INDEX, headers_of, static_files
from gim.console.session import ConsoleSessions
from gim.errors import (
    Conflict,
    GimError,
    InvalidAdminKey,
    TooManyRequests,
    Unavailable,
)
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


class ConsoleState(Struct, frozen=True):
    """What a page needs to know first.

    ``mode`` is ``open`` without a key of the administrator. ``session`` is the number of the console's
    session, null without one. ``gateway`` is the URL of the gateway's own port, null where it can't be
    known; ``ws_path`` is the path of the gateway on this server. ``has_live`` says whether this client
    may follow the live figures.
    """

    mode: Literal["open", "key"]
    is_admin: bool
    session: int | None
    read_only: bool
    login_needs_token: bool
    can_make_tokens: bool
    gateway: str | None
    ws_path: str
    version: str
    storage: Literal["memory", "redis"]
    max_content: int
    has_live: bool


class ConsoleFacts(Struct, frozen=True):
    """What `ConsoleState` says of the server; ``gateway_at`` makes the gateway's URL of a header Host."""

    login_needs_token: bool
    storage: Literal["memory", "redis"]
    max_content: int
    read_only: bool
    gateway_at: Callable[[str], str | None]


class _FilePath(PathConverter):
    """A path of a file, not of another route: all of those would have a GET."""

    regex = r"(?!(?:login|session|token)$)[^/].*?"


class ConsoleRoutes:
    """Serves files from memory, which hold no secrets, and says to the page what it may show."""

    app = App()
    app.url_map.converters["file"] = _FilePath

    def __init__(
        self,
        sources: Mapping[str, bytes],
        access: AccessControl,
        tokens: ShortTokens,
        facts: ConsoleFacts,
    ) -> None:
        """*sources* holds the files by their paths below ``/console/``."""
        self._files = static_files(sources)
        self._headers = headers_of(sources[INDEX])
        self._access = access
        self._tokens = tokens
        self._facts = facts

    @app.route("/console/", methods=["GET"])
    @describe("The console, a page for the operator.", "console", access=Access.OWN_PAGES, media=(HTML,))
    async def console_page(self, request: IRequest) -> bytes:
        return self._serve(request, self._files[INDEX])

    @app.route("/console/<file:file>", methods=["GET"])
    @describe(
        "A file of the console.",
        "console",
        access=Access.OWN_PAGES,
        media=(HTML, CSS, JAVASCRIPT, JSON, SVG, TEXT),
    )
    async def console_file(self, request: IRequest, file: str) -> bytes:
        return self._serve(request, self._files.get(file))

    def _serve(self, request: IRequest, found: StaticFile | None) -> bytes:
        for name, value in self._headers.items():
            request.setHeader(name, value)
        if found is None:
            raise no_such_path()
        return serve_file(request, found)

    @app.route("/console/session", methods=["GET"])
    @describe(
        "What the console may show here.",
        "console",
        access=Access.OWN_PAGES,
        returns=ConsoleState,
        refuses=(Unavailable,),
    )
    async def console_session(self, request: Any) -> bytes:
        session, facts = self._access.session_of(request), self._facts
        request.setHeader(b"Cache-Control", b"no-store")
        can_make_tokens = self._access.has_key and self._tokens.can_make and not facts.read_only
        state = ConsoleState(
            mode="key" if self._access.has_key else "open",
            is_admin=self._access.is_admin(request),
            session=session.number if session is not None else None,
            read_only=facts.read_only,
            login_needs_token=facts.login_needs_token,
            can_make_tokens=can_make_tokens,
            gateway=facts.gateway_at(header_of(request, "host")),
            ws_path=PATH.decode(),
            version=__version__,
            storage=facts.storage,
            max_content=facts.max_content,
            has_live=self._may_follow(request),
        )
        return answer(request, state)

    def _may_follow(self, request: IRequest) -> bool:
        try:
            self._access.check(Access.CONSOLE, request)
        except GimError:
            return False
        return True


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
