"""Events to many connections, written in the slices of the push writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from gim.model import Event
from gim.push.counts import PushCounts
from gim.push.presence import Connection


class EventFanout:
    """Writes an event to each of the connections for which *is_due* is true when its turn comes.

    Unlike a chatroom push an event goes to slow readers too: events are rare, and a client must not miss
    one. A connection that reads nothing at all is closed in the end, as with private messages.
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

    def write(self, chunk_size: int) -> Iterator[int]:
        """See `gim.push.writer.Writing`."""
        for begin in range(0, len(self._connections), chunk_size):
            chunk = self._connections[begin : begin + chunk_size]
            for connection in chunk:
                if self._is_due(connection):
                    connection.deliver(self._event)
                    self._counts.events += 1
            yield len(chunk)

    def written(self) -> None:
        """See `gim.push.writer.Writing`."""
        self._when_told()
