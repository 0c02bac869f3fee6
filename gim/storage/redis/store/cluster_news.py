"""What a cluster announced to a user while a node did not hear it."""

from __future__ import annotations

from gim.storage.announcements import MessageStored
from gim.storage.message_ids import first_id_of
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store.cluster_announcements import PENDING_MS, ClusterAnnouncements
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.inbox import Inbox
from gim.storage.redis.store.records import time_of
from gim.storage.redis.store.subscriptions import Subscription


class ClusterNews:
    """Tells messages that were announced during a gap from those before it and those yet to come.

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

    async def missed(self, subscription: Subscription, limit: int) -> list[MessageStored]:
        """Return the messages announced to a user after a subscription's point and its begin, ascending.

        Those that are stored, but not announced, are announced first, which the subscription holds back.
        """
        begin_ms = subscription.begin if isinstance(subscription.begin, float) else 0.0
        after_ms = max(begin_ms, time_of(subscription.point))
        announced = await self._announced(subscription, after_ms)
        oldest = min([subscription.point, *announced])
        since = first_id_of(time_of(oldest) - 1)
        found = await self._inbox.news(subscription.user_id, since, limit)
        later = [news for news in found if news.message.id not in announced]
        later = [news for news in later if news.message.created_at > after_ms]
        listed_ms = (
            self._heartbeat.estimated_now_ms() - PENDING_MS
        )  # what is older may not be listed any more
        for news in later:
            if news.message.created_at > listed_ms:
                await self._announce(news)
        unlisted = {news.message.id for news in later if news.message.created_at <= listed_ms}
        return [news for news in found if news.message.id in announced | unlisted]

    async def _announced(self, subscription: Subscription, after_ms: float) -> set[str]:
        base = subscription.base
        words = f"({after_ms:.3f}", "+inf", "BYSCORE"
        return {one.decode() for one in await self._redis.call(base, "ZRANGE", f"{base}:told", *words)}

    async def _announce(self, news: MessageStored) -> None:
        posted = await self._announcements.read(news.session, news.message.id)
        if posted is not None:
            await self._announcements.announce_to(news.reader, posted)
