"""What the operator sets of logins and of the administrator's key."""

from __future__ import annotations

from msgspec import Struct


class AuthSettings(Struct, frozen=True, kw_only=True):
    """Fields have the names of their options, except the two from the environment."""

    auth_key_file: str | None
    auth_jwks_file: str | None
    auth_audience: str | None
    auth_issuer: str | None
    admin_key_file: str | None
    key: str | None  # of `gim.auth.constants.KEY_VARIABLE`
    admin_key: str | None  # of `gim.auth.constants.ADMIN_KEY_VARIABLE`

    @property
    def is_open(self) -> bool:
        """Whether logins need no token: there is no key."""
        return self.auth_key_file is None and self.auth_jwks_file is None and self.key is None

    def __repr__(self) -> str:
        return "<AuthSettings>"  # no keys in logs
