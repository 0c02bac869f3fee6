"""The way in: who somebody is, by a login or by a token of the HTTP API."""

from __future__ import annotations

from msgspec import Struct

from gim import ids
from gim.auth.api_tokens import ApiTokens
from gim.auth.login_tokens import LoginTokens
from gim.errors import Unauthorized
from gim.model import User


class Identity(Struct, frozen=True):
    """Who logs in. A name of None is to stay as it is; ``expires`` is in Unix seconds, None for never."""

    id: str
    name: str | None
    expires: float | None = None


class Authenticator:
    """The one way in: `identify` for logins, `user_of_token` for HTTP requests with a token."""

    def __init__(self, tokens: ApiTokens, logins: LoginTokens | None = None) -> None:
        """Without *logins* everybody is believed: open mode."""
        self._tokens = tokens
        self._logins = logins

    def identify(self, user_id: str, name: str | None, token: str | None) -> Identity:
        """Return who logs in, or raise `BadRequest` for an id that is none, else `Unauthorized`.

        A name in the token counts more than *name*, which the user chose.
        """
        ids.check_id(user_id, "id")
        if self._logins is None:
            return Identity(user_id, name)
        if not token:
            raise Unauthorized("token: missing, but required here: a JWT whose sub is the id")
        claims = self._logins.read(token)
        if claims.sub != user_id:
            raise Unauthorized("id: the token is for another user: its sub must be the id")
        return Identity(user_id, name if claims.name is None else claims.name, claims.exp)

    async def issue(self, user: User, until: float | None) -> str:
        """Return a token for the HTTP API, good no longer than *until* (Unix seconds)."""
        return await self._tokens.issue(user, until)

    async def user_of_token(self, token: str) -> User:
        """Return the user whom a token of the HTTP API was issued for, or raise `Unauthorized`."""
        return await self._tokens.read(token)
