"""Login tokens for the users of a benchmark, as ``gim token make`` makes them."""

from __future__ import annotations

import os
from collections.abc import Callable

import jwt

from gim.auth.cli.signing import signing_key
from gim.auth.constants import KEY_VARIABLE
from gim.auth.keys import BadKey
from gim.cli.failures import Failure
from gim.concurrency.clocks import WallClock

_VALID_S = 86400  # longer than any measurement is meant to take


def maker(path: str | None, audience: str | None, issuer: str | None) -> Callable[[str], str]:
    """Return what makes the token of a user id, "" where there is no key. Raises `Failure`.

    The key is that in a file, or in the environment.
    """
    source = path or KEY_VARIABLE
    if path:
        with open(path, "rb") as file:
            data = file.read()
    else:
        data = os.fsencode(os.environ.get(KEY_VARIABLE, ""))
        if not data:
            return lambda user_id: ""
    try:
        key = signing_key(data)
    except BadKey as error:
        raise Failure(f"{source}: {error}") from error
    issued = WallClock().now_ms() // 1000
    claims: dict[str, int | str] = {"iat": issued, "exp": issued + _VALID_S}
    claims |= {name: value for name, value in (("aud", audience), ("iss", issuer)) if value}
    headers = {"kid": key.id} if key.id else None
    return lambda user_id: jwt.encode(
        {**claims, "sub": user_id}, key.material, key.algorithms[0], headers
    )
