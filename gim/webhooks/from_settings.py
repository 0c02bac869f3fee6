"""From options to what is told to whom."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from msgspec import Struct

from gim.auth.key_files import read_key_file
from gim.config.options import Options
from gim.log.logger import Logger

VARIABLE = "GIM_WEBHOOK_SECRET"
SHORTEST = 32  # bytes: as many as SHA-256 has, by RFC 2104, section 3
LONGEST = 4096
RISK = "every user of this machine may read or write it"
_log = Logger()


class WebhookSettings(Struct, frozen=True):
    """Where events go, the key of their signatures, which ones, and seconds for a quick reconnect."""

    url: str
    secret: bytes
    events: frozenset[str]
    grace: float


def settings(options: Options, environment: Mapping[str, str] = os.environ) -> WebhookSettings | None:
    """Return what was set, None for no webhooks. Raises ValueError with what to do."""
    url = options["webhook-url"]
    if url is None:
        for name in ("webhook-events", "webhook-secret-file", "webhook-grace"):
            if name in options.origins:
                raise ValueError(f"{options.origin(name)}: add --webhook-url, or leave it out")
        return None
    return WebhookSettings(
        url, _secret(options, environment), options["webhook-events"], options["webhook-grace"]
    )


def _secret(options: Options, environment: Mapping[str, str]) -> bytes:
    path = options["webhook-secret-file"]
    if path is not None:
        return _checked(options.origin("webhook-secret-file"), _read(options, path))
    if VARIABLE in environment:
        return _checked(VARIABLE, os.fsencode(environment[VARIABLE]))
    raise ValueError(
        f"{options.origin('webhook-url')}: add --webhook-secret-file, or {VARIABLE} in the environment:"
        " without a signature anybody could send events to the receiver"
    )


def _read(options: Options, path: str) -> bytes:
    try:
        return read_key_file(path, LONGEST, stat.S_IROTH | stat.S_IWOTH, RISK, _log)
    except (OSError, ValueError) as error:  # a path with a NUL is the latter
        reason = getattr(error, "strerror", None) or error
        raise ValueError(
            f"{options.origin('webhook-secret-file')}: {path!r} can't be read: {reason}"
        ) from error


def _checked(source: str, data: bytes) -> bytes:
    secret = data.strip()
    if not SHORTEST <= len(secret) <= LONGEST:
        raise ValueError(
            f"{source}: {len(secret)} bytes are no secret: write {SHORTEST} to {LONGEST}, as"
            " openssl rand -hex 32 does"
        )
    return secret
