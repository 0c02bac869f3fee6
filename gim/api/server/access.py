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
from gim.errors import Forbidden, InvalidAdminKey
from gim.model import User

# Headers that proxies add: behind a proxy on this machine every client's requests come from here.
_OF_PROXIES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_PORT = re.compile(r":\d*\Z")
_FOR = "this is for clients on the server's own"


class AccessControl:
    """Checks what routes declare."""

    def __init__(
        self, user_of_token: Callable[[str], Awaitable[User]], admin_key: bytes | None = None
    ) -> None:
        """*user_of_token* yields the user of a token, or raises a `GimError`. Without *admin_key*,
        no request is the administrator's."""
        self._user_of_token = user_of_token
        self._admin_key = admin_key

    def use_admin_key(self, key: bytes | None) -> None:
        """Take another key of the administrator; the one before is not valid any more."""
        self._admin_key = key

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

    def wants_key(self, request: IRequest) -> bool:
        """Say whether there is a key of the administrator, and the request is not the administrator's."""
        return self._admin_key is not None and not self.is_admin(request)

    async def user_of(self, request: IRequest) -> User:
        """Return the user of the request's token. Raises `Unauthorized` or another `GimError`."""
        return await self._user_of_token(token_of(request))

    def is_admin(self, request: IRequest) -> bool:
        """Say whether ``X-API-Key`` holds the key. All wrong keys of one length take equally long."""
        if self._admin_key is None:
            return False
        return compare_digest(header_of(request, "x-api-key").encode("latin-1"), self._admin_key)


def _check_local(request: IRequest) -> None:
    """Raise `Forbidden` unless the request comes from this machine, and through no proxy."""
    if not _is_loopback(request.getClientAddress()):
        raise Forbidden(f"{_FOR} machine: request it there, at 127.0.0.1")
    for name in _OF_PROXIES:
        if request.requestHeaders.hasHeader(name):
            raise Forbidden(f"{_FOR} machine: request it without a proxy, which the header {name} shows")


def _check_console(request: IRequest) -> None:
    """Raise `Forbidden` unless a program on this machine asks this machine, over TCP and no proxy.

    A web page of another site may have given its own name the address 127.0.0.1 (DNS rebinding).
    """
    host = _PORT.sub("", header_of(request, "host")).lower()
    if isinstance(request.getClientAddress(), UNIXAddress) or host not in _LOCAL_HOSTS:
        raise Forbidden(f"{_FOR} machine unless --admin-key-file is set: request it at 127.0.0.1")
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
