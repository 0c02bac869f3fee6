"""Work in order for each user, and beside each other for different ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred

from gim.log.logger import Logger
from gim.webhooks.events import WebhookEvent


class Lanes:
    """Works through events: those of one user one after the other. A user without any costs nothing."""

    _log = Logger()

    def __init__(
        self, work: Callable[[WebhookEvent], Awaitable[object]], lost: Callable[[WebhookEvent], object]
    ) -> None:
        """*lost* is called with an event whose *work* ended in a fault."""
        self._work = work
        self._lost = lost
        self._lanes: dict[str, deque[WebhookEvent]] = {}
        self._running: dict[str, Deferred[None]] = {}

    def __len__(self) -> int:
        """How many users have events here."""
        return len(self._lanes)

    def put(self, event: WebhookEvent) -> None:
        """Add an event behind the others of its user."""
        lane = self._lanes.get(event.user_id)
        if lane is not None:
            lane.append(event)
            return
        lane = self._lanes[event.user_id] = deque((event,))
        running = Deferred.fromCoroutine(self._run(event.user_id, lane))
        if not running.called:
            self._running[event.user_id] = running
        running.addErrback(lambda failure: failure.trap(CancelledError))

    async def _run(self, user_id: str, lane: deque[WebhookEvent]) -> None:
        try:
            while lane:
                await self._do(lane[0])
                lane.popleft()
        finally:
            del self._lanes[user_id]
            self._running.pop(user_id, None)

    async def _do(self, event: WebhookEvent) -> None:
        try:
            await self._work(event)
        except CancelledError:
            raise
        except Exception:
            self._log.failure("webhooks: event {id} is lost", id=event.id)
            self._lost(event)

    def stop(self) -> None:
        """Give up all that is under way."""
        for running in tuple(self._running.values()):
            running.cancel()
