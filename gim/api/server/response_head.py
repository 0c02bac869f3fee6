"""The parts of a response's head that many responses share, written once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from twisted.web.http import datetimeToString
from twisted.web.http_headers import Headers
from twisted.web.server import version as server_version

from gim.concurrency.clocks import WallClock


def canonical(name: str) -> bytes:
    """Return the name of a field as Twisted writes it."""
    ((written, _),) = Headers({name.encode(): []}).getAllRawHeaders()
    return written


class CommonFields:
    """The fields ``Server`` and ``Date`` as they go over the wire, written anew once a second."""

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._second = 0
        self._written = b""

    def written(self) -> bytes:
        """Return their lines."""
        second = self._wall.now_ms() // 1000
        if second != self._second:
            self._second = second
            self._written = b"Server: %b\r\nDate: %b\r\n" % (server_version, datetimeToString(second))
        return self._written


@lru_cache(maxsize=256)
def status_line(version: bytes, code: int, phrase: bytes) -> bytes:
    """Return the first line of a response; *version* is that of the request."""
    return b"%b %d %b\r\n" % (version, code, phrase)


def written(fields: Iterable[tuple[bytes, Sequence[bytes]]]) -> bytes:
    """Return the lines of fields; each comes with its values."""
    return b"".join([b"%b: %b\r\n" % (name, value) for name, values in fields for value in values])
