"""From settings to the secret of webhooks."""

from __future__ import annotations

import os
import stat

from gim.auth.key_files import read_key_file
from gim.auth.weak_keys import WEAK_SECRET, is_weak_secret
from gim.log.logger import Logger
from gim.startup import InvalidSetting
from gim.webhooks.settings import SECRET_VARIABLE, WebhookSettings

MIN_SECRET = 32  # bytes: as many as SHA-256 has, by RFC 2104, section 3
MAX_SECRET = 4096  # bytes
RISK = "every user of this machine may read or write it"
_FILE = "webhook-secret-file"
_log = Logger()


def secret_of(settings: WebhookSettings) -> bytes:
    """Return the key of signatures. What can't be used raises `InvalidSetting`."""
    if settings.secret_file is not None:
        return _checked(_FILE, _read(settings.secret_file))
    if settings.secret is not None:
        return _checked(SECRET_VARIABLE, os.fsencode(settings.secret))
    raise InvalidSetting(
        "webhook-url",
        f"add --webhook-secret-file, or {SECRET_VARIABLE} in the environment: without a signature anyone"
        " could send events to the receiver",
    )


def _read(path: str) -> bytes:
    try:
        return read_key_file(path, MAX_SECRET, stat.S_IROTH | stat.S_IWOTH, RISK, _log)
    except (OSError, ValueError) as error:  # a path with a NUL is the latter
        reason = getattr(error, "strerror", None) or error
        raise InvalidSetting(_FILE, f"{path!r} can't be read: {reason}") from error


def _checked(source: str, data: bytes) -> bytes:
    secret = data.strip()
    if not MIN_SECRET <= len(secret) <= MAX_SECRET:
        raise InvalidSetting(
            source,
            f"{len(secret)} bytes are not a valid secret: write {MIN_SECRET} to {MAX_SECRET}, as"
            " openssl rand -hex 32 does",
        )
    if is_weak_secret(secret):
        raise InvalidSetting(source, WEAK_SECRET)
    return secret
