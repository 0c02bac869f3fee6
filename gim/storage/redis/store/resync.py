"""Resynchronization: after a lost connection, missed announcements are looked up and announced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from gim.concurrency.gather import gather
from gim.errors import Forbidden, Unavailable
from gim.log.logger import Logger
from gim.storage.announcements import (
    Announcement,
    ConnectionAction,
    ConnectionCommand,
    Memberships,
    MessageStored,
)
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store.chatrooms import RedisChatrooms
from gim.storage.redis.store.messages import RedisMessages
from gim.storage.redis.store.people import People
from gim.storage.redis.store.subscriptions import Subscription, Subscriptions

USERS_AT_A_TIME = 64  # looked up concurrently
CHATROOMS_AT_A_TIME = 4
LEAVING_AT_A_TIME = 1000
RETRY_AFTER = 0.5  # seconds until a failed lookup is tried again

Find = Callable[[], Awaitable[list[MessageStored]]]  # of the next missed messages, none at the end
LookUp = Callable[[Subscription], Find]


class Resync:
    """Makes up for what a node could not receive or send while it had no connection."""

    _log = Logger()

    def __init__(
        self,
        redis: Redis,
        subscriptions: Subscriptions,
        people: People,
        chatrooms: RedisChatrooms,
        messages: RedisMessages,
        look_up: LookUp,
        done: Callable[[str], str],
        announce: Callable[[Announcement], None],
        clock: IReactorTime,
    ) -> None:
        """*look_up* finds the private messages that a subscription to a user missed, ascending. When they
        are announced up to an id, nothing was missed before the point that *done* returns for it."""
        self._redis = redis
        self._subscriptions = subscriptions
        self._people = people
        self._chatrooms = chatrooms
        self._messages = messages
        self._look_up = look_up
        self._done = done
        self._announce = announce
        self._clock = clock
        self._later: IDelayedCall | None = None
        self._stopped = False
        self._gone: set[str] = set()  # users who left while Redis was out of reach
        self._work: Deferred[None] | None = None
        self._leaving = 0
        self._failure: Failure | None = None
        self._again = False
        self._idle: list[Deferred[None]] = []

    def begin(self) -> None:
        """Look up what every subscription that holds announcements back may have missed."""
        self._wait_no_more()
        if self._work is not None:
            self._again = True
            return
        self._work = Deferred.fromCoroutine(self._run())
        self._work.addBoth(self._ended)

    def _ended(self, result: object) -> None:
        self._work = None
        if self._again:
            self._again = False
            self.begin()
        elif not self._stopped and (self._gone or any(map(self._is_due, self._subscriptions))):
            self._later = self._clock.callLater(RETRY_AFTER, self.begin)
        self._maybe_idle()

    def _wait_no_more(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None

    def stop(self) -> None:
        """Start nothing any more."""
        self._stopped = True
        self._wait_no_more()

    async def _run(self) -> None:
        self._failure = None
        await gather([self._catch_up_all(), self.leave_all()])
        if self._failure is not None:
            self._log.failure("missed announcements could not be looked up", self._failure)

    async def _catch_up_all(self) -> None:
        """Look up users and chatrooms concurrently; few chatrooms, as each may have many messages."""
        due = [subscription for subscription in self._subscriptions if self._is_due(subscription)]
        users = iter([subscription for subscription in due if subscription.session is None])
        chatrooms = iter([subscription for subscription in due if subscription.session is not None])
        works = [self._catch_up_each(users) for _ in range(USERS_AT_A_TIME)]
        await gather(works + [self._catch_up_each(chatrooms) for _ in range(CHATROOMS_AT_A_TIME)])

    async def _catch_up_each(self, subscriptions: Iterator[Subscription]) -> None:
        """Catch up with one after the other; one that fails stays due and is tried again."""
        for subscription in subscriptions:
            try:
                await self._catch_up(subscription)
            except Unavailable:
                pass
            except Exception:  # a bug that may hit all: one of a run is logged
                self._failure = Failure()

    def _is_due(self, subscription: Subscription) -> bool:
        """Say whether a subscription must catch up, and its channel is subscribed to again."""
        return subscription.held is not None and (
            subscription.is_dropped or self._redis.hears(subscription.base)
        )

    async def _catch_up(self, subscription: Subscription) -> None:
        if subscription.is_dropped and self._is_wanted(subscription):
            await self._redis.subscribe(subscription.base)
            subscription.is_dropped = False
        if not self._is_wanted(subscription):  # it ended meanwhile
            return
        held = subscription.held
        if subscription.session is not None:
            await self._announce_missed(subscription, held, self._of_chatroom(subscription), str)
        elif await self._is_let_in(subscription, held):
            await self._announce_missed(subscription, held, self._look_up(subscription), self._done)
        if self._goes_on(subscription, held):
            for news in subscription.caught_up():
                self._announce(news)

    async def _announce_missed(
        self, subscription: Subscription, held: object, find: Find, done: Callable[[str], str]
    ) -> None:
        """Announce page by page, so that a lookup which is cut goes on where it was."""
        while found := await find():
            if not self._goes_on(subscription, held):
                return
            for news in subscription.found(found, done(found[-1].message.id)):
                self._announce(news)

    def _goes_on(self, subscription: Subscription, held: object) -> bool:
        """Say whether a lookup that began with this list is still the one that is wanted."""
        return subscription in self._subscriptions and subscription.held is held

    def _is_wanted(self, subscription: Subscription) -> bool:
        return not self._stopped and subscription in self._subscriptions and self._is_due(subscription)

    def _of_chatroom(self, subscription: Subscription) -> Find:
        assert subscription.session is not None
        point = subscription.point
        if isinstance(subscription.begin, str):
            point = max(point, subscription.begin)
        newer = self._messages.newer(subscription.session, point)
        return partial(self._messages.news, subscription.session, newer)

    async def _is_let_in(self, subscription: Subscription, held: object) -> bool:
        """Mark a user online again and announce their chatrooms; say whether they are not banned."""
        user_id = subscription.user_id
        try:
            await self._people.connect(user_id)
            news: Announcement = Memberships(user_id, frozenset(await self._chatrooms.of_user(user_id)))
        except Forbidden:  # banned meanwhile: the command to close was missed
            news = ConnectionCommand(user_id, ConnectionAction.CLOSE)
        if self._goes_on(subscription, held):
            self._announce(news)
        return isinstance(news, Memberships)

    def leave(self, user_id: str) -> None:
        """Record that the user has no connection here any more, at once or when Redis is back."""
        self._gone.add(user_id)
        self._leaving += 1
        Deferred.fromCoroutine(self._leave(user_id)).addBoth(self._left)

    async def _leave(self, user_id: str) -> None:
        try:
            if self._subscriptions.user(user_id) is None:
                await self._people.disconnect(user_id)
            self._gone.discard(user_id)
        except Unavailable:
            if self._subscriptions.user(user_id) is None:
                self._gone.add(user_id)
        except Exception:
            self._log.failure("the leaving of a user could not be recorded")

    def _left(self, result: object) -> None:
        self._leaving -= 1
        self._maybe_idle()

    async def leave_all(self) -> None:
        """Record it for all users who left during the outage, until a whole batch fails."""
        gone = tuple(self._gone)
        for start in range(0, len(gone), LEAVING_AT_A_TIME):
            some = gone[start : start + LEAVING_AT_A_TIME]
            await gather(map(self._leave, some))
            if self._gone.issuperset(some):
                return

    async def idle(self) -> None:
        """Return when no lookup or leaving is under way."""
        if self._work is not None or self._leaving:
            waiting: Deferred[None] = Deferred()
            self._idle.append(waiting)
            await waiting

    def _maybe_idle(self) -> None:
        if self._work is None and not self._leaving:
            idle, self._idle = self._idle, []
            for waiting in idle:
                waiting.callback(None)
