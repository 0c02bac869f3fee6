"""The types of events, and the readers of the options that name events and the receiver."""

from __future__ import annotations

from urllib.parse import urlsplit

ONLINE = "user.online"
OFFLINE = "user.offline"
SENT = "message.sent"
JOINED = "chatroom.joined"
LEFT = "chatroom.left"
EVENTS = (ONLINE, OFFLINE, SENT, JOINED, LEFT)


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
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("leave out user, password and #: the signature tells who sends")
    return text
