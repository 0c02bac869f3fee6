"""The types of events, and the readers of the options that name events and the receiver."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv6Address
from urllib.parse import urlsplit

ONLINE = "user.online"
OFFLINE = "user.offline"
SENT = "message.sent"
JOINED = "chatroom.joined"
LEFT = "chatroom.left"
EVENTS = (ONLINE, OFFLINE, SENT, JOINED, LEFT)


_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)\d+\.?$", re.ASCII)  # no name does: RFC 1123, section 2.1
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")  # RFC 1123, section 2.1; IPv4 addresses, too


def events(text: str) -> frozenset[str]:
    """Read names of events, separated by commas."""
    found = frozenset(word.strip() for word in text.split(","))
    for word in found - set(EVENTS):
        raise ValueError(
            f"{word!r} is not a valid event: write any of {', '.join(EVENTS)}, separated by commas"
        )
    return found


def url(text: str) -> str:
    """Read the URL of the receiver: http or https."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not a valid URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(f"{text!r} is not a valid URL: write https://host/path or http://host/path")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(
            f"{text!r} is not a valid URL: write other characters than ASCII as %XX, a host as xn--"
        )
    if not _can_be_host(parts.hostname, in_brackets="[" in parts.netloc):
        raise ValueError(
            f"{text!r} is not a valid URL: a host is a name of letters, digits, - and dots, or an address"
            " such as 192.0.2.7 or [2001:db8::7]"
        )
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("leave out user, password and #: the signature tells who sends")
    netloc = parts.netloc.removesuffix(":")  # Twisted takes a colon without a port for part of the host
    return parts._replace(netloc=netloc, path=parts.path or "/").geturl()


def _can_be_host(host: str, in_brackets: bool) -> bool:
    try:
        if in_brackets:
            return IPv6Address(host).scope_id is None
        if _ENDS_IN_NUMBER.search(host):
            socket.inet_aton(host)  # which takes all that a resolver does, 127.1 too
    except (ValueError, OSError):
        return False
    return len(host) <= 253 and _HOST_NAME.fullmatch(host) is not None
