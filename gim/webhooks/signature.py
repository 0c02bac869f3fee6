"""What a receiver knows gim by."""

from __future__ import annotations

import hmac


def sign(secret: bytes, timestamp: int, body: bytes) -> str:
    """Return the header that goes with a body sent at *timestamp*, in Unix seconds: the version of the
    scheme, and in hexadecimal HMAC-SHA256 over timestamp, a full stop and body."""
    return "v1=" + hmac.digest(secret, b"%d.%b" % (timestamp, body), "sha256").hex()
