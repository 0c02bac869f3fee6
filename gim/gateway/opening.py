"""The short way in for the common opening handshake, which Autobahn takes 150 us for.

What is plainly common is read and answered here; Autobahn gets every other request. Both come to the same
answer: tests/unit/gateway/test_opening.py compares them.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Mapping
from hashlib import sha1
from typing import NamedTuple

from gim.gateway.handshake import VERSION

# The whole request: printable ASCII, a path that holds neither a host nor a fragment, fields of the
# simplest form. The empty line ends it.
_COMMON = re.compile(rb"GET /(?:[!-\"$-.0-~][!-\"$-~]*)? HTTP/1\.1\r\n(?:[0-9A-Za-z-]+:[ -~]*\r\n)+\r\n")
_FIELD = re.compile(r"\n([^:\r]+):([^\r]*)")
_HOST = re.compile(r"(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_KEY = re.compile(r"[0-9A-Za-z+/]{22}==")
_UPGRADES = ("upgrade", "keep-alive, upgrade")  # of browsers; the second one is Firefox's

_UPGRADE = "Upgrade: WebSocket\r\nConnection: Upgrade\r\n"
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


class Opening(NamedTuple):
    """A common handshake. ``headers`` have their names in lower case."""

    key: str
    headers: dict[str, str]
    protocols: list[str]


def read(request: bytes) -> Opening | None:
    """Read a request up to and with the empty line; None if it is not a common handshake."""
    if _COMMON.fullmatch(request) is None:
        return None
    fields = _FIELD.findall(request.decode("ascii"))
    headers = {name.lower(): value.strip() for name, value in fields}
    get = headers.get
    key = get("sec-websocket-key", "")
    if (
        len(headers) < len(fields)  # a field came twice
        or get("sec-websocket-version") != VERSION
        or get("upgrade", "").lower() != "websocket"
        or get("connection", "").lower() not in _UPGRADES
        or _HOST.fullmatch(get("host", "")) is None
        or _KEY.fullmatch(key) is None
    ):
        return None
    offered = get("sec-websocket-protocol")
    return Opening(key, headers, _words(offered) if offered else [])


def _words(text: str) -> list[str]:
    return [*dict.fromkeys(filter(None, map(str.strip, text.split(","))))]


def answer(server: str, key: str, protocol: str | None, headers: Mapping[str, str]) -> bytes:
    """Return the response that accepts a handshake with this *key*; *headers* are further ones."""
    lines = f"HTTP/1.1 101 Switching Protocols\r\nServer: {server}\r\n{_UPGRADE}"
    for name, value in headers.items():
        lines += f"{name}: {value}\r\n"
    if protocol is not None:
        lines += f"Sec-WebSocket-Protocol: {protocol}\r\n"
    digest = sha1(key.encode() + _MAGIC, usedforsecurity=False).digest()
    return b"%bSec-WebSocket-Accept: %b\r\n\r\n" % (lines.encode(), b2a_base64(digest, newline=False))
