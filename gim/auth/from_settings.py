"""From options to the keys that logins and the administrator need."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gim.auth.keyring import Keyring, public_file, secret_file, secret_variable
from gim.auth.keys import BadKey

T = TypeVar("T")

VARIABLE = "GIM_AUTH_KEY"
ADMIN_VARIABLE = "GIM_ADMIN_KEY"
_KEY = re.compile(rb"[!-~]{16,1024}")


def keyring(options: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Keyring | None:
    """Return the keys that were given, None for none: open mode. Raises ValueError with what to do."""
    given = [name for name in ("auth-key-file", "auth-jwks-file") if options[name] is not None]
    if len(given) == 2:
        raise ValueError("--auth-jwks-file: give it or --auth-key-file, not both")
    if given:
        _check_alone(given[0], environment)
        return _read(f"--{given[0]}", options[given[0]])
    if VARIABLE in environment:  # an empty one is a mistake that must not open the door
        return _read(VARIABLE, environment[VARIABLE])
    for name in ("auth-audience", "auth-issuer"):
        if options[name] is not None:
            raise ValueError(f"--{name}: add --auth-key-file or --auth-jwks-file, or leave it out")
    return None


def _check_alone(option: str, environment: Mapping[str, str]) -> None:
    if option == "auth-jwks-file" and VARIABLE in environment:
        raise ValueError(f"--{option}: give it or {VARIABLE}, not both")


def _read(source: str, value: str) -> Keyring:
    readers = {
        "--auth-key-file": secret_file,
        "--auth-jwks-file": public_file,
        VARIABLE: secret_variable,
    }
    return _read_with(readers[source], source, value)


def admin_key(options: Mapping[str, Any]) -> bytes | None:
    """Return the administrator's key, None for none: then there are no routes for them. Raises
    ValueError with what to do, which does not repeat the key."""
    if (path := options["admin-key-file"]) is not None:
        return _read_with(_admin_file, "--admin-key-file", path)
    if ADMIN_VARIABLE in os.environ:  # an empty one is a mistake, too
        return _read_with(_admin_key, ADMIN_VARIABLE, os.environ[ADMIN_VARIABLE])
    return None


def _admin_file(path: str) -> bytes:
    with open(path, encoding="ascii", errors="replace") as file:
        return _admin_key(file.read(4096).strip())


def _admin_key(text: str) -> bytes:
    key = text.encode(errors="surrogateescape")  # as it stood in the environment
    if _KEY.fullmatch(key) is None:
        raise BadKey("this is no key: want 16 to 1024 printable ASCII characters without spaces")
    return key


def _read_with(read: Callable[[str], T], source: str, value: str) -> T:
    try:
        return read(value)
    except BadKey as error:
        raise ValueError(f"{source}: {error}") from error
    except (OSError, ValueError) as error:  # a path with a NUL is the latter
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{source}: {value!r} can't be read: {reason}") from error
