"""A reader of an event stream of a real server."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Protocol

from tests.support.event_reader import Event, parse
from tests.support.redis.environment import HOST


class EventStream(Protocol):
    """Keeps all that comes."""

    transport: Any

    def __init__(self, path: str, key: str) -> None:
        self._request = f"GET {path} HTTP/1.0\r\nHost: {HOST}\r\nX-API-Key: {key}\r\n\r\n"
        self._received = b""
        self.gone: Deferred[None] = Deferred()

    def events(self) -> list[Event]:
        """Return all events that have come so far."""
        _, _, body = self._received.decode(errors="replace").partition("\r\n\r\n")
        return parse(body[: body.rfind("\n\n") + 2])

    def of(self, name: str) -> list[Any]:
        """Return the data of the events of one name."""
        return [data for each, data in self.events() if each == name]

    def hang_up(self) -> Deferred[None]:
        """Drop the connection; fire when it is gone."""
        self.transport.abortConnection()
        return self.gone

    def connectionMade(self) -> None:
        self.transport.write(self._request.encode())

    def dataReceived(self, data: bytes) -> None:
        self._received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.gone.callback(None)


async def open_stream(port: int, path: str, key: str) -> EventStream:
    """Return a reader that has asked for a *path* with the administrator's key."""
    return await connectProtocol(HostnameEndpoint(reactor, HOST, port), EventStream(path, key))
