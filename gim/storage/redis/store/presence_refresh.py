"""Refreshes in Redis which users are connected here: entries that are not refreshed expire."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.redis.store.people import NODES_KEPT_MS, People
from gim.storage.redis.store.subscriptions import Subscriptions

REFRESH_ROUND = (
    NODES_KEPT_MS // 4000
)  # seconds in which each user is refreshed once: 4 times before it expires


class PresenceRefresh:
    """Refreshes some of the users connected here with each beat, all of them within a `REFRESH_ROUND`."""

    _log = Logger()

    def __init__(self, people: People, subscriptions: Subscriptions, every: float) -> None:
        """*every* is the time between two beats, in seconds."""
        self._people = people
        self._subscriptions = subscriptions
        self._beats = round(REFRESH_ROUND / every)
        self._left = 0  # beats of this round
        self._at_a_time = 0
        self._users: Iterator[str] = iter(())

    def refresh_some(self) -> None:
        """Refresh the next ones."""
        if self._left == 0:
            self._begin()
        self._left -= 1
        for user_id in islice(self._users, self._at_a_time):
            if self._subscriptions.user(user_id) is not None:
                self._refresh(user_id)

    def _begin(self) -> None:
        user_ids = self._subscriptions.user_ids()
        self._users = iter(user_ids)
        self._left = self._beats
        self._at_a_time = -(-len(user_ids) // self._beats)

    def _refresh(self, user_id: str) -> None:
        Deferred.fromCoroutine(self._people.refresh(user_id)).addErrback(self._failed)

    def _failed(self, failure: Failure) -> Any:
        if failure.check(Unavailable) is None:  # the next round tries again
            self._log.failure("the presence of a user could not be refreshed", failure)
