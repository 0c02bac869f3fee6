"""From settings to the keys of logins and of the administrator. What can't be used raises
`InvalidSetting`, which does not repeat a key."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from gim.auth.constants import ADMIN_KEY_VARIABLE, KEY_VARIABLE
from gim.auth.settings import AuthSettings
from gim.auth.weak_keys import WEAK_SECRET, is_weak_secret
from gim.startup import InvalidSetting

if TYPE_CHECKING:  # with all of cryptography, which open mode does not need
    from gim.auth.keyring import Keyring

T = TypeVar("T")

_ADMIN_KEY = re.compile(rb"[!-~]{16,1024}")


def keyring(settings: AuthSettings) -> Keyring | None:
    """Return the keys that verify logins, None for open mode."""
    key_file, jwks_file = settings.auth_key_file, settings.auth_jwks_file
    if jwks_file is not None and key_file is not None:
        raise InvalidSetting("auth-jwks-file", "give it or --auth-key-file, not both")
    if jwks_file is not None and settings.key is not None:
        raise InvalidSetting("auth-jwks-file", f"give it or {KEY_VARIABLE}, not both")
    if settings.is_open:
        _check_open_mode(settings)
        return None
    from gim.auth import keyring

    if key_file is not None:
        return _read(keyring.secret_file, "auth-key-file", key_file)
    if jwks_file is not None:
        return _read(keyring.public_file, "auth-jwks-file", jwks_file)
    return _read(keyring.secret_variable, KEY_VARIABLE, settings.key or "")  # an empty one is a mistake


def _check_open_mode(settings: AuthSettings) -> None:
    parties = {"auth-audience": settings.auth_audience, "auth-issuer": settings.auth_issuer}
    for name, value in parties.items():
        if value is not None:
            raise InvalidSetting(name, "add --auth-key-file or --auth-jwks-file, or leave it out")


def admin_key(settings: AuthSettings) -> bytes | None:
    """Return the administrator's key, None for no routes of the administrator."""
    if settings.admin_key_file is not None:
        return _read(_admin_file, "admin-key-file", settings.admin_key_file)
    if settings.admin_key is not None:  # an empty one is a mistake, too
        return _read(_admin_key, ADMIN_KEY_VARIABLE, settings.admin_key)
    return None


def _admin_file(path: str) -> bytes:
    with open(path, encoding="ascii", errors="replace") as file:
        return _admin_key(file.read(4096).strip())


def _admin_key(text: str) -> bytes:
    from gim.auth.keys import BadKey

    key = text.encode(errors="surrogateescape")  # as it stood in the environment
    if _ADMIN_KEY.fullmatch(key) is None:
        raise BadKey(
            "this is not a valid key: write 16 to 1024 printable ASCII characters without spaces"
        )
    if is_weak_secret(key):
        raise BadKey(WEAK_SECRET)
    return key


def _read(read: Callable[[str], T], source: str, value: str) -> T:
    from gim.auth.keys import BadKey

    try:
        return read(value)
    except BadKey as error:
        raise InvalidSetting(source, str(error)) from error
    except (OSError, ValueError) as error:  # a path with a NUL is the latter
        reason = getattr(error, "strerror", None) or error
        raise InvalidSetting(source, f"{value!r} can't be read: {reason}") from error
