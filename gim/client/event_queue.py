"""Events that wait for the application: a bounded queue (clients/BEHAVIOUR.md, E4 and E5)."""

from __future__ import annotations

from collections import deque

from gim.client.events import Event, Failed, Gap, Message, Sent


class EventQueue:
    """At most *limit* events. Messages above it become a gap of their session; others always fit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._lost: dict[str, Gap] = {}  # by session

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: Event) -> None:
        """Add an event that must not be lost."""
        self._events.append(event)

    def put_end(self, end: Sent | Failed) -> None:
        """Add the end of a send, unless the queue is full: the send itself tells it, too."""
        if len(self._events) < self._limit:
            self._events.append(end)

    def put_message(self, message: Message, previous: str | None) -> None:
        """Add a message, or count it as lost. *previous* is the id before it in its session, if known."""
        session = message.session_id
        if session in self._lost:
            lost = self._lost[session]
            self._lost[session] = Gap(session, lost.after, None, (lost.skipped or 0) + 1)
        elif len(self._events) >= self._limit:
            self._lost[session] = Gap(session, previous, None, 1)
        else:
            self._events.append(message)

    def take(self) -> Event | None:
        """Remove and return the oldest event, None without any."""
        if not self._events:
            return None
        event = self._events.popleft()
        if self._lost and len(self._events) <= self._limit // 2:
            self._events.extend(self._lost.values())
            self._lost.clear()
        return event
