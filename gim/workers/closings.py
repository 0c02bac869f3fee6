"""What a worker tells the parent of the connections that have ended."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from gim.workers.accept_messages import ConnectionsClosed


class Closings:
    """Collects the connections that end in one iteration of the reactor, and tells of them once."""

    def __init__(self, send: Callable[[Struct], None], clock: IReactorTime) -> None:
        """*send* sends a message to the parent."""
        self._send = send
        self._clock = clock
        self._counts = [0, 0]
        self._groups: list[str] = []
        self._is_due = False

    def add(self, kind: int, group: str) -> None:
        """Tell that a connection has ended; *group* is the address group that it counts for, "" for
        none."""
        self._counts[kind] += 1
        if group:
            self._groups.append(group)
        self._fall_due()

    def add_group(self, group: str) -> None:
        """Tell that a connection counts for an address group no more."""
        self._groups.append(group)
        self._fall_due()

    def _fall_due(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._clock.callLater(0, self._tell)

    def _tell(self) -> None:
        message = ConnectionsClosed((self._counts[0], self._counts[1]), self._groups)
        self._counts, self._groups, self._is_due = [0, 0], [], False
        self._send(message)
