"""A queue for each user: work in order for one user, concurrent for different ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from gim.log.logger import Logger


class _OfUser(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def user_id(self) -> str: ...


Event = TypeVar("Event", bound=_OfUser)


class UserQueues(Generic[Event]):
    """Processes the events of one user one after the other. A user without events has no queue."""

    _log = Logger()

    def __init__(
        self, process: Callable[[Event], Awaitable[object]], failed: Callable[[Event], object]
    ) -> None:
        """*failed* is called with an event for which *process* raised an exception."""
        self._process = process
        self._failed = failed
        self._queues: dict[str, deque[Event]] = {}
        self._running: dict[str, Deferred[None]] = {}

    def __len__(self) -> int:
        """The number of users who have events here."""
        return len(self._queues)

    def firsts(self) -> list[Event]:
        """Return the first event of each user, which is the one under way."""
        return [queue[0] for queue in self._queues.values()]

    def put(self, event: Event) -> None:
        """Append an event to the queue of its user."""
        queue = self._queues.get(event.user_id)
        if queue is not None:
            queue.append(event)
            return
        queue = self._queues[event.user_id] = deque((event,))
        running = Deferred.fromCoroutine(self._run(event.user_id, queue))
        if not running.called:
            self._running[event.user_id] = running
        running.addErrback(lambda failure: failure.trap(CancelledError))

    async def _run(self, user_id: str, queue: deque[Event]) -> None:
        try:
            while queue:
                await self._process_safely(queue[0])
                queue.popleft()
        finally:
            del self._queues[user_id]
            self._running.pop(user_id, None)

    async def _process_safely(self, event: Event) -> None:
        try:
            await self._process(event)
        except CancelledError:
            raise
        except Exception:
            self._log.failure("webhooks: event {id} is lost", id=event.id)
            self._failed(event)

    def stop(self) -> None:
        """Cancel all that is under way, and drop the rest."""
        for running in tuple(self._running.values()):
            running.cancel()
