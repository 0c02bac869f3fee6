"""The tokens of the HTTP API: JWTs signed with HS256 and the key of the data set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import jwt
from jwt.types import Options
from twisted.internet.interfaces import IReactorTime

from gim.errors import Unauthorized
from gim.model import Ban, User
from gim.storage.refusals import banned

LIFETIME = 86400  # seconds
AUDIENCE = "gim-http"  # no login token is for it
OPEN_AUDIENCE = "gim-http-open"  # nobody had to prove who they are: void once they have to
_ALGORITHM = "HS256"
_OPTIONS: Options = {  # PyJWT would ask the wall clock: the expiry is checked here, by the injected one
    "require": ["sub", "exp", "iat"],
    "verify_exp": False,
    "verify_iat": False,
}


class ApiTokens:
    """Issues and reads tokens; some 20 us each."""

    def __init__(
        self,
        key: Callable[[], Awaitable[bytes]],
        clock: IReactorTime,
        ban_of: Callable[[str], Awaitable[Ban]],
        audience: str = AUDIENCE,
    ) -> None:
        """*key* yields the key of the data set; a new one makes all older tokens void. *ban_of* yields
        what is known of a user's ban, which makes those from before it void."""
        self._key = key
        self._clock = clock
        self._ban_of = ban_of
        self._audience = audience

    async def issue(self, user: User, until: float | None = None) -> str:
        """Return a token for the user that is good for `LIFETIME` seconds, or *until* a Unix time."""
        now = self._clock.seconds()
        expires = int(now) + LIFETIME
        if until is not None:
            expires = int(min(expires, until))
        claims: dict[str, object] = {"sub": user.id, "name": user.name, "aud": self._audience}
        claims |= {"iat": round(now, 3), "exp": expires}  # a ban counts in milliseconds
        return jwt.encode(claims, await self._key(), _ALGORITHM)

    async def read(self, token: str) -> User:
        """Return the user whom a token was issued for, or raise `Unauthorized`, or `Forbidden` while
        they are banned. Asks the storage."""
        try:
            key = await self._key()
            claims = jwt.decode(token, key, [_ALGORITHM], _OPTIONS, audience=self._audience)
        except (jwt.InvalidTokenError, RecursionError) as error:
            raise Unauthorized("the token is not one of this server's: log in again") from error
        if claims["exp"] <= self._clock.seconds():
            raise Unauthorized("the token has expired: log in again")
        await self._check_ban(claims["sub"], round(1000 * claims["iat"]))
        return User(claims["sub"], claims["name"])

    async def _check_ban(self, user_id: str, issued: int) -> None:
        """Refuse a token of somebody who is banned, or was since it was *issued*, in Unix ms."""
        ban = await self._ban_of(user_id)
        if ban.until:
            raise banned(ban.until - int(1000 * self._clock.seconds()))
        if issued <= ban.since:
            raise Unauthorized("the token was ended by a ban: log in again")
