"""A plain connection of the tests to a Redis server: RESP2, bytes in replies."""

from __future__ import annotations

from collections import deque
from typing import Any

from hiredis import Reader, ReplyError, pack_command
from twisted.internet.defer import Deferred, fail
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure


class RespConnection(Protocol):
    """One connection: each command gets the next reply."""

    transport: Any

    def __init__(self) -> None:
        self._reader = Reader()
        self._waiting: deque[Deferred[Any]] = deque()
        self._lost: Failure | None = None
        self._gone: Deferred[None] = Deferred()

    def call(self, *words: str | bytes | int | float) -> Deferred[Any]:
        """Send one command; fire with its reply: bytes, int, None, or a list of such.

        Fails with `hiredis.ReplyError` for an error, with the reason when the connection is lost.
        """
        if self._lost is not None:
            return fail(self._lost)
        deferred: Deferred[Any] = Deferred()
        self._waiting.append(deferred)
        self.transport.write(pack_command(words))  # type: ignore[arg-type]
        return deferred

    def dataReceived(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            deferred = self._waiting.popleft()
            if isinstance(reply, ReplyError):
                deferred.errback(reply)
            else:
                deferred.callback(reply)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = reason
        while self._waiting:
            self._waiting.popleft().errback(reason)
        self._gone.callback(None)

    def hang_up(self) -> Deferred[None]:
        """Close at once; fire when nothing is left of the connection."""
        self.transport.abortConnection()
        return self._gone
