"""The tokens of the HTTP API: JWTs signed with HS256 and the key of the data set."""

from __future__ import annotations

import hmac
from binascii import b2a_base64
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import jwt
import msgspec
from jwt.types import Options

from gim.auth.constants import AUDIENCE
from gim.concurrency.clocks import WallClock
from gim.errors import Banned, Unauthorized
from gim.model import Ban, User

LIFETIME = 86400  # seconds
MAX_VERIFIED = 10_000  # tokens, of some 1 KB each
_ALGORITHM = "HS256"
_OPTIONS: Options = {  # `read` checks the expiry by the injected clock: PyJWT has one of its own
    "require": ["sub", "exp", "iat"],
    "verify_exp": False,
    "verify_iat": False,
}


_encode = msgspec.json.Encoder().encode


_URL_SAFE = bytes.maketrans(b"+/", b"-_")  # RFC 4648, section 5


def _base64(data: bytes) -> bytes:
    return b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")


_HEAD = _base64(b'{"alg":"HS256","typ":"JWT"}') + b"."


class _Verified(NamedTuple):
    """What a token with a valid signature says."""

    user: User
    issued_ms: int
    expires_ms: float


class ApiTokens:
    """Issues tokens in about 5 us each and reads them, in 1 us if they are among the `MAX_VERIFIED` that
    were read last: their signatures are not verified again."""

    def __init__(
        self,
        key: Callable[[], bytes],
        wall: WallClock,
        ban_of: Callable[[str], Awaitable[Ban]],
        audience: str = AUDIENCE,
    ) -> None:
        """*key* returns the key of the data set; a new data set makes older tokens void. *ban_of* yields
        the ban of a user, which makes tokens issued before it void."""
        self._key = key
        self._wall = wall
        self._ban_of = ban_of
        self._audience = audience
        self._verified: OrderedDict[str, _Verified] = OrderedDict()  # by token, least recently read first
        self._verified_with = b""  # the key that all of them are signed with

    async def issue(self, user: User, until: float | None = None) -> str:
        """Return a token for the user that expires after `LIFETIME` seconds, at *until* at the latest.

        *until* is a Unix time in seconds.
        """
        now_ms = self._wall.now_ms()
        expires = now_ms // 1000 + LIFETIME
        if until is not None:
            expires = int(min(expires, until))
        claims: dict[str, object] = {"sub": user.id, "name": user.name, "aud": self._audience}
        claims |= {"iat": now_ms / 1000, "exp": expires}  # in ms, to compare it with a ban
        # RFC 7515, section 5.1; PyJWT looks each time for what kind of key it has, which takes longer
        signed = _HEAD + _base64(_encode(claims))
        return (signed + b"." + _base64(hmac.digest(self._key(), signed, "sha256"))).decode()

    async def read(self, token: str) -> User:
        """Return the user of a token. Raises `Unauthorized`, `Forbidden` for a banned user, `Unavailable`
        if the storage does not answer."""
        found = self._verify(token)
        if found.expires_ms <= self._wall.now_ms():
            raise Unauthorized("the token has expired: log in again")
        await self._check_ban(found.user.id, found.issued_ms)
        return found.user

    def _verify(self, token: str) -> _Verified:
        """Return what a token says, or raise `Unauthorized` unless it is signed with the key in use."""
        if (key := self._key()) != self._verified_with:
            self._verified.clear()
            self._verified_with = key
        if (found := self._verified.get(token)) is not None:
            self._verified.move_to_end(token)
            return found
        found = self._verified[token] = self._decode(token, key)
        if len(self._verified) > MAX_VERIFIED:
            self._verified.popitem(last=False)
        return found

    def _decode(self, token: str, key: bytes) -> _Verified:
        try:
            claims = jwt.decode(token, key, [_ALGORITHM], _OPTIONS, audience=self._audience)
        except (jwt.InvalidTokenError, RecursionError) as error:
            raise Unauthorized("the token is not from this server: log in again") from error
        user = User(claims["sub"], claims["name"])
        return _Verified(user, round(1000 * claims["iat"]), 1000 * claims["exp"])

    async def _check_ban(self, user_id: str, issued_ms: int) -> None:
        """Refuse the token of a user who is banned, or was banned after it was issued."""
        ban = await self._ban_of(user_id)
        if ban.until:
            raise Banned(ban.until - self._wall.now_ms())
        if issued_ms <= ban.since:
            raise Unauthorized("a ban made the token void: log in again")
