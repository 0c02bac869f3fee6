"""The tokens of the HTTP API: JWTs signed with HS256 and the key of the data set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import jwt
from jwt.types import Options
from twisted.internet.interfaces import IReactorTime

from gim.errors import Unauthorized
from gim.model import User

LIFETIME = 86400  # seconds
AUDIENCE = "gim-http"  # no login token is for it
OPEN_AUDIENCE = "gim-http-open"  # nobody had to prove who they are: void once they have to
_ALGORITHM = "HS256"
_OPTIONS: Options = {  # PyJWT would ask the wall clock: the expiry is checked here, by the injected one
    "require": ["sub", "exp"],
    "verify_exp": False,
    "verify_iat": False,
}


class Tokens:
    """Issues and reads tokens; some 20 us each."""

    def __init__(
        self, key: Callable[[], Awaitable[bytes]], clock: IReactorTime, audience: str = AUDIENCE
    ) -> None:
        """*key* yields the key of the data set; a new one makes all older tokens void."""
        self._key = key
        self._clock = clock
        self._audience = audience

    async def issue(self, user: User, until: float | None = None) -> str:
        """Return a token for the user that is good for `LIFETIME` seconds, or *until* a Unix time."""
        expires = int(self._clock.seconds()) + LIFETIME
        if until is not None:
            expires = int(min(expires, until))
        claims = {"sub": user.id, "name": user.name, "aud": self._audience, "exp": expires}
        return jwt.encode(claims, await self._key(), _ALGORITHM)

    async def read(self, token: str) -> User:
        """Return the user whom a token was issued for, or raise `Unauthorized`."""
        try:
            key = await self._key()
            claims = jwt.decode(token, key, [_ALGORITHM], _OPTIONS, audience=self._audience)
        except (jwt.InvalidTokenError, RecursionError) as error:
            raise Unauthorized("the token is not one of this server's: log in again") from error
        if claims["exp"] <= self._clock.seconds():
            raise Unauthorized("the token has expired: log in again")
        return User(claims["sub"], claims["name"])
