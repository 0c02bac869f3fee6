"""Delivery marks on their way to Redis; those of one iteration of the reactor are sent together."""

from __future__ import annotations

from itertools import islice

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.retention import Retention

_USERS_PER_CALL = 500


class DeliveryMarks:
    """The newest message delivered to each user, kept until Redis has it."""

    _log = Logger()

    def __init__(
        self, redis: Redis, keys: Keys, heartbeat: Heartbeat, retention: Retention, clock: IReactorTime
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._retention = retention
        self._clock = clock
        self._waiting: dict[str, str] = {}  # user id to message id
        self._soon: IDelayedCall | None = None

    def move(self, user_id: str, message_id: str) -> None:
        """Move a mark forwards, at the end of this iteration of the reactor."""
        known = self._waiting.get(user_id)
        if known is None or known < message_id:
            self._waiting[user_id] = message_id
        self.flush_soon()

    def flush_soon(self) -> None:
        """Send the marks at the end of this iteration of the reactor."""
        if self._soon is None and self._waiting:
            self._soon = self._clock.callLater(0, self._flush_now)

    def _flush_now(self) -> None:
        self._soon = None
        Deferred.fromCoroutine(self.flush()).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("delivery marks could not be moved", failure)

    async def flush(self) -> None:
        """Send the marks; those that could not be sent wait on."""
        waiting, self._waiting = self._waiting, {}
        size = 1 if self._redis.is_cluster else _USERS_PER_CALL
        items = iter(waiting.items())
        await gather(map(self._send, iter(lambda: list(islice(items, size)), [])))

    async def _send(self, marks: list[tuple[str, str]]) -> None:
        bases = tuple(self._keys.user(user_id) for user_id, _ in marks)
        kept = self._heartbeat.retention_start(), self._retention.users_ms
        ids = [message_id for _, message_id in marks]
        try:
            await self._redis.run(scripts.DELIVERED, bases, *kept, *ids)
        except Unavailable:
            for user_id, message_id in marks:
                self._waiting[user_id] = max(message_id, self._waiting.get(user_id, ""))
