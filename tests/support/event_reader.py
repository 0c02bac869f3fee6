"""A reader of an event stream of the HTTP API, on a transport in memory."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.address import IPv4Address

from tests.support.hostile.wire import Wire

Event = tuple[str, Any]  # the name, and the data

ADDRESS = IPv4Address("TCP", "127.0.0.1", 5)


def parse(text: str) -> list[Event]:
    """Return the events in the body of a stream, without comments."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "data" in fields:
            events.append((fields["event"], json.loads(fields["data"])))
    return events


class EventReader:
    """Reads what the site *api* answers to a GET of *path*."""

    def __init__(self, api: Any, clock: Any, path: str, key: str) -> None:
        self._wire = Wire(api, clock, ADDRESS)
        self._wire.feed([f"GET {path} HTTP/1.0\r\nHost: localhost\r\nX-API-Key: {key}\r\n\r\n".encode()])
        head, _, self._rest = self._wire.transport.value().decode().partition("\r\n\r\n")
        self._wire.transport.clear()
        self.status = int(head.split()[1])

    @property
    def is_open(self) -> bool:
        return self._wire.is_open

    def text(self) -> str:
        """Return what came since the last call."""
        self._wire.turn()
        text, self._rest = self._rest + self._wire.transport.value().decode(), ""
        self._wire.transport.clear()
        return text

    def events(self) -> list[Event]:
        """Return the events that came since the last call."""
        return parse(self.text())

    def pause(self) -> None:
        """Read nothing, so that what comes waits at the server."""
        self._wire.transport.producer.pauseProducing()

    def resume(self) -> None:
        """Read again."""
        self._wire.transport.producer.resumeProducing()

    def hang_up(self) -> None:
        self._wire.hang_up()
