"""The signature by which a receiver recognizes gim."""

from __future__ import annotations

import hmac


def sign(secret: bytes, timestamp: int, body: bytes) -> str:
    """Return the header for a body sent at *timestamp* (Unix seconds): the version of the scheme, and the
    HMAC-SHA256 (RFC 2104) of timestamp, a full stop and body, in hexadecimal."""
    return "v1=" + hmac.digest(secret, b"%d.%b" % (timestamp, body), "sha256").hex()
