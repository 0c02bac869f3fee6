"""How users prove who they are: by login tokens, and by the tokens of the HTTP API."""

from __future__ import annotations

from gim.auth.api_tokens import ApiTokens
from gim.auth.authenticator import Authenticator
from gim.auth.constants import AUDIENCE, OPEN_AUDIENCE
from gim.auth.keyring import Keyring
from gim.auth.login_tokens import LoginTokens
from gim.auth.settings import AuthSettings
from gim.concurrency.clocks import WallClock
from gim.storage.interface import Storage


def make_admission(
    settings: AuthSettings, keyring: Keyring | None, store: Storage, wall: WallClock
) -> Authenticator:
    """Return the authenticator; without a *keyring* it believes every id."""
    if keyring is None:
        return Authenticator(ApiTokens(store.token_key, wall, store.moderation.ban_of, OPEN_AUDIENCE))
    logins = LoginTokens(keyring, wall, settings.auth_audience, settings.auth_issuer)
    return Authenticator(ApiTokens(store.token_key, wall, store.moderation.ban_of, AUDIENCE), logins)
