"""What a cluster announced to a user while a node's subscription was interrupted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gim.storage.announcements import MessageStored
from gim.storage.message_ids import first_id_of
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store.cluster_announcements import PENDING_MS, ClusterAnnouncements
from gim.storage.redis.store.heartbeat import CLUSTER_LAG_MS, Heartbeat
from gim.storage.redis.store.inbox import Inbox
from gim.storage.redis.store.message_reads import ID_BYTES, IDS_PER_REPLY, NewerMessages
from gim.storage.redis.store.reading import Reading
from gim.storage.redis.store.records import time_of
from gim.storage.redis.store.subscriptions import Subscription


def before_lag(message_id: str) -> str:
    """Return a point: all messages before it are announced before *message_id*."""
    return first_id_of(time_of(message_id) - CLUSTER_LAG_MS)


class ClusterNews:
    """Finds the messages that were announced during a gap, not before it, and not yet to come.

    The servers' clocks differ, and a message may be announced minutes after it was stored. So ids do not
    say what a node missed: the list of the user's announcements does, as far as it goes back.
    """

    def __init__(
        self, redis: Redis, heartbeat: Heartbeat, inbox: Inbox, announcements: ClusterAnnouncements
    ) -> None:
        self._redis = redis
        self._heartbeat = heartbeat
        self._inbox = inbox
        self._announcements = announcements

    def look_up(self, subscription: Subscription) -> Callable[[], Awaitable[list[MessageStored]]]:
        """Return a function that finds the next messages which were announced to a user after a
        subscription's point and its begin, ascending, and none at the end.

        It first announces messages that are stored but not announced; the subscription holds these
        announcements back.
        """
        return _LookUp(self, subscription).next

    async def begin(self, subscription: Subscription, after_ms: float) -> tuple[set[str], NewerMessages]:
        """Return the ids of the messages announced after a time, and a reader of these messages."""
        user_id, base = subscription.user_id, subscription.base
        announced = await self._announced(Reading(self._redis, user_id, is_long=True), base, after_ms)
        oldest = min([subscription.point, *announced])
        return announced, self._inbox.newer(user_id, first_id_of(time_of(oldest) - 1))

    async def _announced(self, reading: Reading, base: str, after_ms: float) -> set[str]:
        announced: set[str] = set()
        while True:
            words = f"({after_ms:.3f}", "+inf", "BYSCORE", "LIMIT", 0, IDS_PER_REPLY, "WITHSCORES"
            size = IDS_PER_REPLY * 2 * ID_BYTES
            found = await reading.call(size, base, "ZRANGE", f"{base}:told", *words)
            announced.update(one.decode() for one, _ in found)
            if len(found) < IDS_PER_REPLY:
                return announced
            after_ms = found[-1][1]

    async def next(self, user_id: str, newer: NewerMessages) -> list[MessageStored]:
        """Return the next messages of the user, announced or not."""
        return await self._inbox.news(user_id, newer)

    def listed_ms(self) -> float:
        """Return a time; messages from before it may be missing in the list of announced ones."""
        return self._heartbeat.estimated_now_ms() - PENDING_MS

    async def announce(self, news: MessageStored) -> None:
        """Announce a message to its reader, unless that was done meanwhile."""
        posted = await self._announcements.read(news.session, news.message.id)
        if posted is not None:
            await self._announcements.announce_to(news.reader, posted)


class _LookUp:
    """What one subscription missed."""

    def __init__(self, news: ClusterNews, subscription: Subscription) -> None:
        self._news = news
        self._subscription = subscription
        begin = subscription.begin
        self._after_ms = max(begin if isinstance(begin, float) else 0.0, time_of(subscription.point))
        self._listed_ms = news.listed_ms()
        self._begun: tuple[set[str], NewerMessages] | None = None

    async def next(self) -> list[MessageStored]:
        if self._begun is None:
            self._begun = await self._news.begin(self._subscription, self._after_ms)
        announced, newer = self._begun
        while page := await self._news.next(self._subscription.user_id, newer):
            if found := [news for news in page if await self._is_missed(news, announced)]:
                return found
        return []

    async def _is_missed(self, news: MessageStored, announced: set[str]) -> bool:
        """Say whether a message was announced in the gap; announce it if that is still to be done."""
        if news.message.id in announced:
            return True
        created_at = news.message.created_at
        if created_at > self._after_ms and created_at > self._listed_ms:
            await self._news.announce(news)
            return False
        return created_at > self._after_ms
