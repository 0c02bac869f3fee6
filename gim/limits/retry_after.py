"""What ``Retry-After`` says, in seconds (RFC 9110, section 10.2.3)."""

from __future__ import annotations

# after an HTTP request: storages come back within a second
REQUEST = 1
# after a WebSocket handshake: connections close more slowly, and each attempt costs a handshake
CONNECTION = 5
