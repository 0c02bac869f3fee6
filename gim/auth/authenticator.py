"""Identifies users, by a login or by a token of the HTTP API."""

from __future__ import annotations

from collections.abc import Awaitable

from msgspec import Struct

from gim import ids
from gim.auth.api_tokens import ApiTokens
from gim.auth.login_tokens import LoginTokens
from gim.errors import Unauthorized
from gim.model import User
from gim.names import check_name


class Identity(Struct, frozen=True):
    """Who logs in. A name of None keeps the old one; ``expires`` is in Unix seconds, None for never."""

    id: str
    name: str | None
    expires: float | None = None


class Authenticator:
    """Identifies users: `identify` for logins, `user_of_token` for HTTP requests."""

    def __init__(self, tokens: ApiTokens, logins: LoginTokens | None = None) -> None:
        """Without *logins* a login needs no proof: open mode."""
        self._tokens = tokens
        self._logins = logins

    def identify(self, user_id: str, name: str | None, token: str | None) -> Identity:
        """Return who logs in. Raises `BadRequest` for an invalid id or name, `Unauthorized` for an
        invalid token.

        A name in the token takes precedence over *name*, which the user chose.
        """
        ids.check_id(user_id, "id")
        if self._logins is None:
            return Identity(user_id, _checked(name))
        if not token:
            raise Unauthorized("token: missing, but required here: a JWT whose sub is the id")
        claims = self._logins.read(token)
        if claims.sub != user_id:
            raise Unauthorized("id: the token is for another user: its sub must be the id")
        return Identity(user_id, _checked(name if claims.name is None else claims.name), claims.exp)

    def issue(self, user: User, until: float | None) -> Awaitable[str]:
        """Return a token for the HTTP API that expires at *until* (Unix seconds) at the latest."""
        return self._tokens.issue(user, until)

    async def user_of_token(self, token: str) -> User:
        """Return the user of a token of the HTTP API; raises what `ApiTokens.read` does."""
        return await self._tokens.read(token)


def _checked(name: str | None) -> str | None:
    return None if name is None else check_name(name, "name")
