"""Telling many connections of an event, in the slices of the push writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from gim.model import Event
from gim.push.counts import PushCounts
from gim.push.presence import Connection
from gim.push.writer import CHUNK


class EventFanout:
    """Writes an event to connections, each of them if *is_due* says so when it is its turn.

    Unlike a chatroom push it goes to slow readers too: events are rare and none may be missed. One that
    takes nothing at all is closed in the end, as with private messages.
    """

    def __init__(
        self,
        event: Event,
        connections: Sequence[Connection],
        is_due: Callable[[Connection], bool],
        counts: PushCounts,
        when_told: Callable[[], None] = lambda: None,
    ) -> None:
        self._event = event
        self._connections = connections
        self._is_due = is_due
        self._counts = counts
        self._when_told = when_told

    def write(self) -> Iterator[int]:
        """See `gim.push.writer.Writing`."""
        for begin in range(0, len(self._connections), CHUNK):
            chunk = self._connections[begin : begin + CHUNK]
            for connection in chunk:
                if self._is_due(connection):
                    connection.deliver(self._event)
                    self._counts.events += 1
            yield len(chunk)

    def written(self) -> None:
        """See `gim.push.writer.Writing`."""
        self._when_told()
