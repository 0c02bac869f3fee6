"""When a login token ends."""

from __future__ import annotations

import base64
import binascii
import json


def expiry_of(token: str) -> float | None:
    """Return the ``exp`` of a JWT in Unix seconds; None when it has none, or is not a JWT."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return None
    exp = claims.get("exp") if isinstance(claims, dict) else None
    return float(exp) if isinstance(exp, (int, float)) else None
