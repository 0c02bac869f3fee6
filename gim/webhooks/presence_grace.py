"""Who came online and who went offline: a quick reconnect is neither."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall

from gim.concurrency.periodic import Periodic
from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.interface import Storage

REANNOUNCE_INTERVAL = 1.0  # seconds between two requests for users of dead nodes
MAX_REANNOUNCED = 500  # users in each answer


class PresenceGrace(Periodic):
    """The users connected here, and those who left less than a grace period ago.

    Its calls mean no more than that a user may have come or gone: the storage knows what was announced,
    and who is online at other nodes.
    """

    _log = Logger()

    def __init__(
        self, storage: Storage, grace: float, changed: Callable[[str, bool], None], clock: IReactorTime
    ) -> None:
        """*changed* is called with a user's id, and True if the user came; *grace* is in seconds."""
        self._storage = storage
        self._grace = grace
        self._changed = changed
        self._clock = clock
        self._here: set[str] = set()
        self._leaving: dict[str, float] = {}  # until when their grace period lasts, the earliest first
        self._next: IDelayedCall | None = None
        super().__init__(self._reannounce, REANNOUNCE_INTERVAL, clock)

    def came(self, user_id: str) -> None:
        """Called when a user has a connection here, perhaps one more."""
        if user_id not in self._here:
            self._here.add(user_id)
            self._tell(user_id, True)
        elif self._leaving:
            self._leaving.pop(user_id, None)

    def left(self, user_id: str) -> None:
        """Called when a user has no connection here any more."""
        if user_id in self._here and user_id not in self._leaving:
            self._leave(user_id)

    def _leave(self, user_id: str) -> None:
        self._leaving[user_id] = self._clock.seconds() + self._grace
        if self._next is None:
            self._next = self._clock.callLater(self._grace, self._end_grace)

    def _end_grace(self) -> None:
        """End the grace periods that are over, and schedule the next end."""
        self._next, now = None, self._clock.seconds()
        while self._leaving:
            user_id, until = next(iter(self._leaving.items()))
            if until > now:
                self._next = self._clock.callLater(until - now, self._end_grace)
                return
            self._gone(user_id)

    def _gone(self, user_id: str) -> None:
        self._leaving.pop(user_id, None)
        self._here.discard(user_id)
        self._tell(user_id, False)

    def _tell(self, user_id: str, came: bool) -> None:
        """Call *changed*; a fault in it must not keep other users from being announced."""
        try:
            self._changed(user_id, came)
        except Exception:
            self._log.failure("a change of a user's presence could not be announced")

    def data_lost(self) -> None:
        """Forget all users: the data set served from now on has no announcements of them."""
        self._here.clear()
        self._leaving.clear()

    def stopService(self) -> Deferred[LoopingCall] | None:
        """Announce all users as gone, unless other nodes do that, or this one after its restart."""
        ended = super().stopService()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if not self._storage.outlives_process:
            for user_id in tuple(self._here):
                self._gone(user_id)
        return ended

    async def _reannounce(self) -> None:
        try:
            for user_id in await self._storage.webhook_log.users_to_reannounce(MAX_REANNOUNCED):
                self._settle(user_id)
        except Unavailable:  # the storage logs that itself
            pass

    def _settle(self, user_id: str) -> None:
        if user_id not in self._here:
            self._here.add(user_id)
            self._leave(user_id)
        elif user_id not in self._leaving:
            self._tell(user_id, True)
