"""The ways in: logins, tokens, the administrator's key, and the addresses that are listened on."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IStreamServerEndpoint

from gim.auth import from_settings
from gim.auth.api_tokens import AUDIENCE, OPEN_AUDIENCE, ApiTokens
from gim.auth.authenticator import Authenticator
from gim.auth.login_tokens import LoginTokens
from gim.config.options import Options, refuse_start
from gim.config.types import on_loopback
from gim.daemon.reloading import SighupReloader
from gim.net.listening import check_free, make_endpoint
from gim.storage.interface import Storage


def make_admission(
    options: Options, store: Storage, reactor: Any
) -> tuple[Authenticator, *tuple[Service, ...]]:
    """Return the way in, and where there are keys the service that has them read again; or end the
    process."""
    try:
        keyring = from_settings.keyring(options)
    except ValueError as error:
        refuse_start(str(error))
    if keyring is None:
        return (
            Authenticator(ApiTokens(store.token_key, reactor, store.moderation.ban_of, OPEN_AUDIENCE)),
        )
    logins = LoginTokens(keyring, reactor.seconds, options["auth-audience"], options["auth-issuer"])
    return Authenticator(
        ApiTokens(store.token_key, reactor, store.moderation.ban_of, AUDIENCE), logins
    ), SighupReloader(reactor, keyring.reload)


def read_admin_key(options: Options) -> bytes | None:
    """Return the administrator's key if there is one; or end the process."""
    try:
        return from_settings.admin_key(options)
    except ValueError as error:
        refuse_start(str(error))


def endpoint(
    name: str, option: str, options: Options, reactor: Any, *, alone: bool = False
) -> IStreamServerEndpoint:
    """Return what an option asks for; *alone* keeps other machines out unless it names a host."""
    text = options[option]
    try:
        found = make_endpoint(on_loopback(text) if alone else text, reactor, text)
    except ValueError as error:
        refuse_start(f"{options.origin(option)}: {error}")
    check_free(name, found)
    return found
