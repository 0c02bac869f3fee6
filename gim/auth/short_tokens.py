"""Login tokens for a quarter of an hour, which the administrator makes to try something as a user."""

from __future__ import annotations

from typing import NamedTuple

import jwt

from gim.auth.keys import Key
from gim.auth.login_tokens import KeySource
from gim.concurrency.clocks import WallClock
from gim.errors import Conflict

LIFETIME = 15 * 60  # seconds


class ShortToken(NamedTuple):
    """A token, and the Unix time in milliseconds when it expires."""

    text: str
    expires_at: int


class ShortTokens:
    """Makes tokens where gim has the secret that verifies them. It never has a private key."""

    def __init__(
        self, keyring: KeySource | None, wall: WallClock, audience: str | None, issuer: str | None
    ) -> None:
        """*keyring* is None in open mode; *audience* and *issuer* are what tokens must have here."""
        self._keyring = keyring
        self._wall = wall
        self._parties = {"aud": audience, "iss": issuer}

    @property
    def can_make(self) -> bool:
        """Whether gim has a secret."""
        return self._secret() is not None

    def make(self, user_id: str, name: str) -> ShortToken:
        """Return a token of a user; the user keeps the old name for "". Raises `Conflict` without a
        secret."""
        secret = self._secret()
        if self._keyring is None:
            raise Conflict("logins need no token here: log in with the id alone")
        if secret is None:
            raise Conflict("gim has only public keys: make a token with gim-token and the private key")
        now = self._wall.now_ms() // 1000
        claims = {"sub": user_id, "name": name or None, "iat": now, "exp": now + LIFETIME}
        claims |= self._parties
        present = {claim: value for claim, value in claims.items() if value is not None}
        headers = {"kid": secret.id} if secret.id else None
        text = jwt.encode(present, secret.material, secret.algorithms[0], headers)
        return ShortToken(text, 1000 * (now + LIFETIME))

    def _secret(self) -> Key | None:
        keys = self._keyring.keys.all if self._keyring is not None else ()
        return next((key for key in keys if isinstance(key.material, bytes)), None)
