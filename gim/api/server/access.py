"""Enforces `gim.api.openapi.describe.Access`: which clients may call a route."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.web.iweb import IRequest

from gim.api.decoding import header_of, token_of
from gim.api.openapi.describe import Access
from gim.api.server.console_cookie import SAFE_METHODS, cookie_of, set_cookie
from gim.console.session import ConsoleSessions, Session
from gim.errors import Forbidden, InvalidAdminKey
from gim.model import User

# Headers that proxies add: behind a proxy on this machine every client's requests come from here.
_OF_PROXIES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_PORT = re.compile(r":\d*\Z")
_FOR = "this is for clients on the server's own"


def _nothing() -> None:
    pass


class AccessControl:
    """Checks what routes declare."""

    def __init__(
        self,
        user_of_token: Callable[[str], Awaitable[User]],
        admin_key: bytes | None = None,
        sessions: ConsoleSessions | None = None,
        is_console_read_only: bool = False,
        check_started: Callable[[], None] = _nothing,
    ) -> None:
        """*user_of_token* yields the user of a token, or raises a `GimError`. Without *admin_key*,
        no request is the administrator's. *sessions* are those of the console, None without one; with
        *is_console_read_only* they change nothing. *check_started* raises `Unavailable` before the
        storage serves: no route that needs it is served until then."""
        self.check_started = check_started
        self._user_of_token = user_of_token
        self._admin_key = admin_key
        self._sessions = sessions
        self._is_console_read_only = is_console_read_only

    @property
    def has_key(self) -> bool:
        """Whether there is a key of the administrator."""
        return self._admin_key is not None

    def use_admin_key(self, key: bytes | None) -> None:
        """Take another key of the administrator; the one before, and sessions that began with it, are not
        valid any more."""
        self._admin_key = key
        if self._sessions is not None:
            self._sessions.use_admin_key(key)

    def check(self, access: Access, request: IRequest) -> None:
        """Raise `InvalidAdminKey` or `Forbidden` unless the client may call a route with this access.

        For `Access.USER` call `user_of` instead.
        """
        if access is Access.CONSOLE and self._admin_key is None:
            _check_console(request)
        elif access in (Access.ADMIN, Access.CONSOLE) and not self.is_admin(request):
            raise InvalidAdminKey()
        elif access is Access.LOCAL and not self.is_admin(request):
            _check_local(request)
        elif access in (Access.ADMIN, Access.CONSOLE, Access.LOCAL):
            self._check_changes(request)
        if access is Access.ADMIN:
            self.check_started()

    def _check_changes(self, request: Any) -> None:
        """Raise `Forbidden` if a request of the console changes what may only be read."""
        is_change = request.method not in SAFE_METHODS
        if is_change and self._is_console_read_only and not self.has_key_of(request):
            raise Forbidden("the console is read-only: use the key in the header X-API-Key for changes")

    def wants_key(self, request: IRequest) -> bool:
        """Say whether there is a key of the administrator, and the request is not the administrator's."""
        return self._admin_key is not None and not self.is_admin(request)

    async def user_of(self, request: IRequest) -> User:
        """Return the user of the request's token. Raises `Unauthorized` or another `GimError`."""
        self.check_started()
        return await self._user_of_token(token_of(request))

    def is_admin(self, request: IRequest) -> bool:
        """Say whether ``X-API-Key`` holds the key, or the request is of a session of the console."""
        return self.has_key_of(request) or self.session_of(request) is not None

    def is_key(self, text: str) -> bool:
        """Say whether a text is the key. All wrong ones of one length take equally long."""
        key = self._admin_key
        return key is not None and compare_digest(text.encode("utf-8", "replace"), key)

    def has_key_of(self, request: IRequest) -> bool:
        """Say whether the header ``X-API-Key`` of a request holds the key."""
        return self.is_key(header_of(request, "x-api-key"))

    def session_of(self, request: Any) -> Session | None:
        """Return the session of the console that a request belongs to, None for other requests.

        Raises `Unavailable` without a storage.
        """
        if not request.is_session_read:
            request.console_session = self._read_session(request)
            request.is_session_read = True
        session: Session | None = request.console_session
        return session

    def _read_session(self, request: Any) -> Session | None:
        """Read a session from its cookie, and renew that one if it is getting old."""
        if self._sessions is None or (cookie := cookie_of(request)) is None:
            return None
        session = self._sessions.read(cookie)
        if session is not None:
            request.setHeader(b"Cache-Control", b"no-store")
            if (used := self._sessions.used(session)) is not None:
                set_cookie(request, self._sessions.cookie_of(used))
        return session

    def goes_on(self, request: IRequest) -> bool:
        """Say whether a response that was allowed, such as a stream, may go on.

        A session of the console may be idle meanwhile: the stream is a use of it.
        """
        session, cookie = self.session_of(request), cookie_of(request)
        if session is None or cookie is None or self._sessions is None:
            return not self.has_key or self.has_key_of(request)
        return self._sessions.goes_on(session, cookie)

    def name_of(self, request: IRequest) -> str:
        """Return how the log names the administrator of a request."""
        session = None if self.has_key_of(request) else self.session_of(request)
        return "key" if session is None else f"console session {session.number}"


def _check_local(request: IRequest) -> None:
    """Raise `Forbidden` unless the request comes from this machine, and through no proxy."""
    if not _is_loopback(request.getClientAddress()):
        raise Forbidden(f"{_FOR} machine: request it there, at 127.0.0.1")
    for name in _OF_PROXIES:
        if request.requestHeaders.hasHeader(name):
            raise Forbidden(f"{_FOR} machine: request it without a proxy, which the header {name} shows")


def _check_console(request: IRequest) -> None:
    """Raise `Forbidden` unless a program on this machine asks this machine, over TCP and no proxy.

    A web page of another site may have given its own name the address 127.0.0.1 (DNS rebinding). It may
    also show an image, say, of this address: it learns nothing, but would keep a stream open.
    """
    host = _PORT.sub("", header_of(request, "host")).lower()
    if isinstance(request.getClientAddress(), UNIXAddress) or host not in _LOCAL_HOSTS:
        raise Forbidden(f"{_FOR} machine unless --admin-key-file is set: request it at 127.0.0.1")
    if header_of(request, "sec-fetch-site") == "cross-site" and not header_of(request, "origin"):
        raise Forbidden("only pages of this server and those in --allowed-origins may ask for this")
    _check_local(request)


def _is_loopback(address: Any) -> bool:
    """Say whether a peer is on this machine; False for an unknown kind of address."""
    if isinstance(address, UNIXAddress):
        return True
    try:
        ip = ip_address(getattr(address, "host", ""))
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)  # ::ffff:127.0.0.1
    return bool((mapped or ip).is_loopback)
