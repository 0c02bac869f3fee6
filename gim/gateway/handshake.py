"""The request of an opening handshake, read before Autobahn reads it.

Autobahn refuses much that RFC 6455 lets a client send: extensions that are offered in several header
lines or with parameters that it does not know, a subprotocol that is offered twice, an Origin that is not
a URL, a Host with a colon and no port. So it gets only the headers that it must check.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

VERSION: Final = "13"
END: Final = b"\r\n\r\n"

# The headers that Autobahn must check. Extensions are not among them, as gim declines them all.
PASSED_ON: Final = frozenset(
    {"host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version"}
)
_PROTOCOLS = "sec-websocket-protocol"
_NOT_PRINTABLE = re.compile(rb"[^\x20-\x7e]")  # Autobahn would split lines at some of it


class Handshake(NamedTuple):
    """``request`` is for Autobahn. ``headers`` are all there were, with names in lower case; the values
    of several with one name are joined by commas."""

    request: bytes
    headers: dict[str, str]

    def has_other_version(self) -> bool:
        """Say whether it is for another version of the WebSocket protocol than `VERSION`."""
        upgrades = self.headers.get("upgrade", "").lower()
        return "websocket" in upgrades and self.headers.get("sec-websocket-version") != VERSION


def read(request: bytes, passed_on_names: frozenset[str] = PASSED_ON) -> Handshake:
    """Read a request up to and with the empty line; Autobahn gets the headers of *passed_on_names*."""
    first, *lines = request.removesuffix(END).split(b"\r\n")
    passed_on, headers = [first], dict[str, str]()
    for line in lines:
        name, _, value = (part.strip().decode("latin-1") for part in line.partition(b":"))
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
        if key in passed_on_names:
            has_empty_port = key == "host" and value.endswith(":")  # RFC 3986, section 3.2.3
            passed_on.append(line.rstrip().removesuffix(b":") if has_empty_port else line)
    if protocols := _without_repetitions(headers.get(_PROTOCOLS, "")):
        passed_on.append(f"{_PROTOCOLS}: {protocols}".encode("latin-1"))
    lines = [_NOT_PRINTABLE.sub(b"?", line) for line in passed_on]
    return Handshake(b"\r\n".join(lines) + END, headers)


def _without_repetitions(words: str) -> str:
    return ", ".join(dict.fromkeys(filter(None, map(str.strip, words.split(",")))))


def headers_of_refusal(status: int, retry_after: int) -> list[tuple[str, str]]:
    """Return the headers that a response with *status* must have (RFC 9110, section 15; RFC 6455, 4.4).

    *retry_after* is in seconds.
    """
    headers = [("Content-Length", "0")]
    if status == 426:
        upgrade = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", VERSION)]
        return [*headers, *upgrade, ("Connection", "close, Upgrade")]
    if status == 405:
        headers.append(("Allow", "GET"))
    if status in (429, 503):
        headers.append(("Retry-After", str(retry_after)))
    return [*headers, ("Connection", "close")]
