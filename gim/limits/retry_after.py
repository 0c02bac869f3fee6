"""What ``Retry-After`` says, in seconds (RFC 9110, section 10.2.3)."""

from __future__ import annotations

REQUEST = 1  # of an HTTP request: rates count by the second, and storages come back within one
CONNECTION = (
    5  # of a WebSocket handshake: connections close more slowly, and each attempt costs a handshake
)
