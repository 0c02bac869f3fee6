"""What ``twistd gim --check`` looks at beside the values themselves: endpoints, and files they name.

Nothing is started: no port is bound, no Redis is asked.
"""

from __future__ import annotations

import os

from twisted.internet import reactor
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.python.usage import UsageError

from gim.auth import from_settings
from gim.config.options import Options
from gim.net.listening import NotHandedOver, make_endpoint
from gim.webhooks.from_settings import settings


def check(options: Options) -> None:
    """Raise `UsageError` with one line about what would end the start."""
    for name in "gateway-address", "api-address":
        try:
            _check_endpoint(options[name])
        except ValueError as error:
            raise UsageError(f"{options.origin(name)}: {error}") from error
    try:
        from_settings.keyring(options)
        from_settings.admin_key(options)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if options["storage"] == "redis":
        _check_redis(options)
    try:
        settings(options)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _check_endpoint(text: str) -> None:
    try:
        endpoint = make_endpoint(text, reactor)
    except NotHandedOver:  # as it must be outside of its unit
        return
    endpoint = getattr(endpoint, "_wrappedEndpoint", endpoint)  # of haproxy:
    if isinstance(endpoint, UNIXServerEndpoint):
        directory = os.path.dirname(os.path.abspath(endpoint._address))
        if not os.path.isdir(directory):
            raise ValueError(f"{text!r} can't be used: there is no directory {directory}")


def _check_redis(options: Options) -> None:
    from gim.storage.redis.probe.probe import (  # what the memory store has no use for
        Unusable,
        check_files,
    )

    tls = options["redis-url"].tls
    try:
        if tls:
            check_files(tls)
    except Unusable as error:
        raise UsageError(f"{options.origin('redis-url')}: {error}") from error
