"""The console: its files, and what its page asks first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct
from twisted.web.iweb import IRequest
from werkzeug.routing import PathConverter

from gim import __version__
from gim.api.decoding import header_of
from gim.api.envelope import answer
from gim.api.errors import no_such_path
from gim.api.openapi.describe import CSS, HTML, JAVASCRIPT, JSON, SVG, TEXT, Access, describe
from gim.api.server.access import AccessControl
from gim.api.server.app import App
from gim.api.server.upgrade import PATH
from gim.api.static_files import StaticFile, serve_file
from gim.auth.short_tokens import ShortTokens
from gim.console.files import INDEX, headers_of, static_files
from gim.errors import GimError, Unavailable


class ConsoleState(Struct, frozen=True):
    """What a page needs to know first.

    ``mode`` is ``open`` without a key of the administrator. ``session`` is the number of the console's
    session, null without one. ``gateway`` is the URL of the gateway's own port, null where it can't be
    known; ``ws_path`` is the path of the gateway on this server. ``journal`` says whether the memory
    store has one, ``has_live`` whether this client may follow the live figures.
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
    journal: bool
    max_content: int
    has_live: bool


class ConsoleFacts(Struct, frozen=True):
    """What `ConsoleState` says of the server; ``gateway_at`` makes the gateway's URL of a header Host."""

    login_needs_token: bool
    storage: Literal["memory", "redis"]
    journal: bool
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
            journal=facts.journal,
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
