"""Who is connected here, said to Redis again and again: it forgets what is not."""

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

ROUND = NODES_KEPT_MS // 4000  # seconds in which everybody is named once


class PresenceRefresh:
    """Names a few of the users connected here with each beat, all of them within a `ROUND`."""

    _log = Logger()

    def __init__(self, people: People, subscriptions: Subscriptions, every: float) -> None:
        """*every* is the time between two beats, in seconds."""
        self._people = people
        self._subscriptions = subscriptions
        self._beats = round(ROUND / every)
        self._left = 0  # beats of this round
        self._at_a_time = 0
        self._users: Iterator[str] = iter(())

    def refresh_some(self) -> None:
        """Name the next few."""
        if self._left == 0:
            self._begin()
        self._left -= 1
        for user_id in islice(self._users, self._at_a_time):
            if self._subscriptions.user(user_id) is not None:
                self._name(user_id)

    def _begin(self) -> None:
        user_ids = [watch.user_id for watch in self._subscriptions if watch.session is None]
        self._users = iter(user_ids)
        self._left = self._beats
        self._at_a_time = -(-len(user_ids) // self._beats)

    def _name(self, user_id: str) -> None:
        Deferred.fromCoroutine(self._people.refresh(user_id)).addErrback(self._failed)

    def _failed(self, failure: Failure) -> Any:
        if failure.check(Unavailable) is None:  # else the next round will do
            self._log.failure("a user could not be named again", failure)
