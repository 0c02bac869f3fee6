"""From options to what verifies logins."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gim.auth.keyring import Keyring, public_file, secret_file, secret_variable
from gim.auth.keys import BadKey

VARIABLE = "GIM_AUTH_KEY"


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
    try:
        return readers[source](value)
    except BadKey as error:
        raise ValueError(f"{source}: {error}") from error
    except (OSError, ValueError) as error:  # a path with a NUL is the latter
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{source}: {value!r} can't be read: {reason}") from error
