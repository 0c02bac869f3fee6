"""What this node subscribes to: users connected here, and chatrooms with members connected here."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.interfaces import IReactorTime

from gim.ids import Session, chatroom_session
from gim.storage.announcements import Announcement, MessageStored
from gim.storage.redis.store.dedup import AnnouncementDedup
from gim.storage.redis.store.keys import Keys


class Subscription:
    """A user or chatroom that this node subscribes to.

    While ``held`` is a list, announcements after ``point`` may have been missed and are being looked up;
    new announcements wait in the list. It is replaced each time that more may have been missed, and the
    lookup then goes on at ``point``.
    """

    __slots__ = (
        "base",
        "begin",
        "connections",
        "held",
        "is_dropped",
        "point",
        "recent",
        "session",
        "user_id",
    )

    def __init__(
        self, base: str, user_id: str, session: Session | None, recent: AnnouncementDedup | None
    ) -> None:
        self.base = base
        self.user_id = user_id  # "" for a chatroom
        self.session = session  # None for a user
        self.connections = 0  # of the user to this node
        self.point = ""
        self.held: list[Announcement] | None = None
        self.is_dropped = False  # the server ended the subscription by itself
        self.recent = recent  # None where nothing is announced twice
        # what was announced last before the subscription, on a cluster, where *point* may be before it:
        # the id of a chatroom's message, or a time in ms by the clock of the user's server
        self.begin: str | float | None = None

    def begin_after(self, last: str | float) -> None:
        """Take nothing for missed that was announced before the subscription."""
        if self.begin is None:
            self.begin = last

    def miss(self, point: str) -> None:
        """Hold announcements back: those after *point* may have been missed."""
        if self.held is None:
            self.point = point
        self.held = []

    def found(self, missed: list[MessageStored], done: str) -> list[Announcement]:
        """Take some of what was missed; return what of it to announce. All up to *done* is found then."""
        known = {news.message.id for news in missed}
        if self.held:  # in place: a list that is replaced begins another lookup
            self.held[:] = [
                news
                for news in self.held
                if not (isinstance(news, MessageStored) and news.message.id in known)
            ]
        self.point = max(self.point, done)
        return self._only_new([*missed])

    def caught_up(self) -> list[Announcement]:
        """Stop holding back; return what waited meanwhile and is to be announced, in order."""
        held, self.held = self.held or [], None
        return self._only_new(held)

    def _only_new(self, found: list[Announcement]) -> list[Announcement]:
        return self.recent.only_new(found) if self.recent else found


class Subscriptions:
    """Subscriptions by channel."""

    def __init__(self, keys: Keys, clock: IReactorTime | None) -> None:
        """With a *clock*, recent announcements are remembered, so that none is announced twice."""
        self._keys = keys
        self._clock = clock
        self._by_channel: dict[bytes, Subscription] = {}
        self._by_user: dict[str, Subscription] = {}  # those of users: each private message asks for two

    def __iter__(self) -> Iterator[Subscription]:
        return iter(tuple(self._by_channel.values()))

    def __contains__(self, subscription: Subscription) -> bool:
        return self._by_channel.get(subscription.base.encode()) is subscription

    def get(self, channel: bytes) -> Subscription | None:
        return self._by_channel.get(channel)

    def user(self, user_id: str) -> Subscription | None:
        return self._by_user.get(user_id)

    def add_user(self, user_id: str) -> Subscription:
        """Return the subscription to a user, created if missing."""
        return self._add(self._keys.user(user_id), user_id, None)

    def add_chatroom(self, chatroom_id: str) -> Subscription:
        """Return the subscription to a chatroom, created if missing."""
        session = chatroom_session(chatroom_id)
        return self._add(self._keys.session(session.id), "", session)

    def _add(self, base: str, user_id: str, session: Session | None) -> Subscription:
        channel = base.encode()
        subscription = self._by_channel.get(channel)
        if subscription is None:
            recent = AnnouncementDedup(self._clock) if self._clock else None
            subscription = self._by_channel[channel] = Subscription(base, user_id, session, recent)
            if session is None:
                self._by_user[user_id] = subscription
        return subscription

    def remove(self, base: str) -> bool:
        """Remove a subscription; say whether there was one."""
        subscription = self._by_channel.pop(base.encode(), None)
        if subscription is not None and subscription.session is None:
            del self._by_user[subscription.user_id]
        return subscription is not None

    def user_ids(self) -> list[str]:
        """Return the ids of the users among the subscriptions."""
        return list(self._by_user)

    def bases(self) -> list[str]:
        """Return the channels."""
        return [subscription.base for subscription in self._by_channel.values()]
