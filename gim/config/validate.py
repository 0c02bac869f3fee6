"""Whether the settings can work: makes endpoints, and reads the files that the settings name.

The start and ``twistd gim --check`` take this step alike, so that they refuse alike.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from twisted.internet.interfaces import IStreamServerEndpoint

from gim.auth import from_settings as auth
from gim.config.files import files_of
from gim.config.settings import Settings
from gim.config.table import OPTIONS
from gim.net.endpoints import NOWHERE, NotHandedOver, make_endpoint, on_loopback
from gim.net.listening import check_free
from gim.startup import InvalidSetting, StartupError
from gim.storage.settings import RedisSettings
from gim.webhooks import from_settings as webhooks

if TYPE_CHECKING:
    from gim.auth.keyring import Keyring


class Resources(Struct, frozen=True, kw_only=True):
    """What the files and addresses of the settings hold."""

    gateway: Any  # an IStreamServerEndpoint; None for `NOWHERE`, and like that of the API:
    api: Any  # before the start None, if only systemd can hand it over
    keyring: Keyring | None  # None for open mode
    admin_key: bytes | None
    webhook_secret: bytes

    def __repr__(self) -> str:
        return "<Resources>"  # no keys in logs


def validate(settings: Settings, reactor: Any, *, starts: bool, user: int | None = None) -> Resources:
    """Return what the start needs, or raise `StartupError` for what can't work.

    When gim *starts*, its ports must be free, its sockets of systemd be there, its data directory not be
    in use, and its Redis must answer; until then nothing is bound, and Redis is not asked. *user* is the
    id of the user that the process becomes later, None if it stays as it is.
    """
    try:
        return _validated(settings, reactor, starts, user)
    except InvalidSetting as error:
        source = settings.origin(error.source) if error.source in OPTIONS else error.source
        raise StartupError(f"{source}: {error.reason}") from error


def _validated(settings: Settings, reactor: Any, starts: bool, user: int | None) -> Resources:
    if settings.daemon.gateway_worker > 1:
        _check_files(settings)
    keyring, net = auth.keyring(settings.auth), settings.net
    resources = Resources(
        gateway=_endpoint("gateway-address", net.gateway_address, reactor, starts),
        api=_endpoint("api-address", net.api_address, reactor, starts, alone=keyring is None),
        keyring=keyring,
        admin_key=auth.admin_key(settings.auth),
        webhook_secret=webhooks.secret_of(settings.webhooks) if settings.webhooks is not None else b"",
    )
    if isinstance(settings.storage, RedisSettings):
        _check_redis(settings.storage, starts)
    elif settings.storage.journal is not None:
        _check_data_directory(settings.storage.journal.data_dir, starts, user)
    if starts:
        check_free("gateway", resources.gateway)
        check_free("api", resources.api)
    return resources


def _check_files(settings: Settings) -> None:
    """Refuse files that can be read only once: they are read for this process and for its workers."""
    for option, path in files_of(settings):
        if _is_stream(path):
            raise InvalidSetting(option, f"{path!r} is not a regular file: name one, or use one worker")


def _is_stream(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # what reads it says why
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def _endpoint(
    option: str, text: str, reactor: Any, starts: bool, *, alone: bool = False
) -> IStreamServerEndpoint | None:
    """Make an endpoint; *alone* keeps other machines out unless the option names a host.

    Return None for `NOWHERE`, and before the start for a socket of systemd.
    """
    if text == NOWHERE:
        return None
    try:
        return make_endpoint(on_loopback(text) if alone else text, reactor, text)
    except ValueError as error:
        if isinstance(error, NotHandedOver) and not starts:  # as it must be outside of its unit
            return None
        raise InvalidSetting(option, str(error)) from error


def _check_data_directory(path: str, starts: bool, user: int | None) -> None:
    from gim.journal.directory import (  # a store that ends with the process does without
        check_directory,
        check_unused,
    )

    check_directory(path, user)
    if starts:  # the start takes it in the background, where stderr is closed
        check_unused(path)


def _check_redis(settings: RedisSettings, starts: bool) -> None:
    from gim.storage.redis.probe.probe import (  # the memory store does without
        Probe,
        Unusable,
        check_files,
    )

    target = settings.redis_url
    try:
        if starts:
            Probe(target).run()
        elif target.tls:
            check_files(target.tls)
    except Unusable as error:
        raise InvalidSetting("redis-url", str(error)) from error
