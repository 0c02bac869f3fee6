"""WebSocket frames as a server sends them: whole messages, unmasked, uncompressed (RFC 6455, 5.2)."""

from __future__ import annotations

from struct import Struct

_FIN_TEXT = 0x81
_FIN_BINARY = 0x82

_short = Struct("!BB").pack
_medium = Struct("!BBH").pack
_long = Struct("!BBQ").pack


def frame(payload: bytes, is_binary: bool) -> bytes:
    """Return *payload* as one frame."""
    first, length = _FIN_BINARY if is_binary else _FIN_TEXT, len(payload)
    if length < 126:
        return _short(first, length) + payload
    if length < 65536:
        return _medium(first, 126, length) + payload
    return _long(first, 127, length) + payload
