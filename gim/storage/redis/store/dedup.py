"""Recent announcements, so that each message is announced once."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from gim.storage.announcements import Announcement, MessageStored

GENERATION = 20.0  # seconds: twice what `gim.storage.redis.store.heartbeat.CLUSTER_LAG_MS` looks back


class AnnouncementDedup:
    """Remembers the announcements of one subscription for one to two generations, 150 bytes a message.

    Only for a cluster, where missed announcements are looked up from some time before the gap.
    Generations end with announcements only, so nothing is forgotten during a lookup, however long it
    takes.
    """

    __slots__ = ("_clock", "_new", "_old", "_since")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._since = clock.seconds()
        self._new: set[str] = set()
        self._old: set[str] = set()

    def is_new(self, news: Announcement) -> bool:
        """Say whether this is announced for the first time, and remember it."""
        if not isinstance(news, MessageStored):
            return True
        if self._knows(news):
            return False
        self._add(news)
        return True

    def only_new(self, found: list[Announcement]) -> list[Announcement]:
        """Return what was not announced before, and remember it."""
        fresh = [news for news in found if not (isinstance(news, MessageStored) and self._knows(news))]
        for news in fresh:
            if isinstance(news, MessageStored):
                self._add(news)
        return fresh

    def _knows(self, news: MessageStored) -> bool:
        return news.message.id in self._new or news.message.id in self._old

    def _add(self, news: MessageStored) -> None:
        now = self._clock.seconds()
        if now - self._since > GENERATION:
            self._since, self._old, self._new = now, self._new, set()
        self._new.add(news.message.id)
