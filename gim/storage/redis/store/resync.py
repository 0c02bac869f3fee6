"""After a connection was lost: what was announced meanwhile is looked up and announced once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
from gim.storage.redis.store.inbox import Inbox
from gim.storage.redis.store.messages import RedisMessages
from gim.storage.redis.store.people import People
from gim.storage.redis.store.subscriptions import Subscription, Subscriptions

USERS_AT_A_TIME = 64  # that are looked up at the same time
CHATROOMS_AT_A_TIME = 4
LEAVING_AT_A_TIME = 1000
AGAIN_AFTER = 0.5  # seconds until what could not be looked up is tried again
MOST = 100_000  # private messages looked up for one user


class Resync:
    """Makes good what a node did not hear, and could not say, while it had no connection."""

    _log = Logger()

    def __init__(
        self,
        redis: Redis,
        subscriptions: Subscriptions,
        people: People,
        chatrooms: RedisChatrooms,
        messages: RedisMessages,
        inbox: Inbox,
        announce: Callable[[Announcement], None],
        clock: IReactorTime,
    ) -> None:
        self._redis = redis
        self._subscriptions = subscriptions
        self._people = people
        self._chatrooms = chatrooms
        self._messages = messages
        self._inbox = inbox
        self._announce = announce
        self._clock = clock
        self._later: IDelayedCall | None = None
        self._stopped = False
        self._gone: set[str] = set()  # users who left while Redis could not be told
        self._work: Deferred[None] | None = None
        self._leaving = 0
        self._failure: Failure | None = None
        self._again = False
        self._idle: list[Deferred[None]] = []

    def begin(self) -> None:
        """Look up what every watch that holds may have missed."""
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
            self._later = self._clock.callLater(AGAIN_AFTER, self.begin)
        self._maybe_idle()

    def _wait_no_more(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None

    def stop(self) -> None:
        """Do nothing any more by itself."""
        self._stopped = True
        self._wait_no_more()

    async def _run(self) -> None:
        self._failure = None
        await gather([self._catch_up_all(), self.leave_all()])
        if self._failure is not None:
            self._log.failure("what was missed could not be looked up", self._failure)

    async def _catch_up_all(self) -> None:
        """Look up users and chatrooms beside each other; of the latter few, as each may have much."""
        due = [watch for watch in self._subscriptions if self._is_due(watch)]
        users = iter([watch for watch in due if watch.session is None])
        chatrooms = iter([watch for watch in due if watch.session is not None])
        works = [self._catch_up_each(users) for _ in range(USERS_AT_A_TIME)]
        await gather(works + [self._catch_up_each(chatrooms) for _ in range(CHATROOMS_AT_A_TIME)])

    async def _catch_up_each(self, watches: Iterator[Subscription]) -> None:
        """Go on after a failure, which may be of one watch alone: what is due yet is tried again."""
        for watch in watches:
            try:
                await self._catch_up(watch)
            except Unavailable:
                pass
            except Exception:  # a bug, and maybe everybody's: one of a run is logged
                self._failure = Failure()

    def _is_due(self, watch: Subscription) -> bool:
        """Say whether it is time, which it is not before it is listened to again."""
        return watch.held is not None and (watch.is_dropped or self._redis.hears(watch.base))

    async def _catch_up(self, watch: Subscription) -> None:
        if watch.is_dropped and self._is_wanted(watch):
            await self._redis.subscribe(watch.base)
            watch.is_dropped = False
        if not self._is_wanted(watch):  # it ended while this waited
            return
        held = watch.held
        missed = await (self._chatroom(watch) if watch.session else self._user(watch))
        if watch in self._subscriptions and watch.held is held:
            for news in watch.caught_up(missed):
                self._announce(news)

    def _is_wanted(self, watch: Subscription) -> bool:
        return not self._stopped and watch in self._subscriptions and self._is_due(watch)

    async def _chatroom(self, watch: Subscription) -> list[Announcement]:
        assert watch.session is not None
        messages = await self._messages.since(watch.session, watch.point)
        if not messages:
            return []
        title = await self._messages.chatroom_name(watch.session)
        return [MessageStored(message, watch.session, title, "", "") for message in messages]

    async def _user(self, watch: Subscription) -> list[Announcement]:
        user_id = watch.user_id
        try:
            await self._people.connect(user_id)
        except Forbidden:  # banned meanwhile: the order to close was not heard
            return [ConnectionCommand(user_id, ConnectionAction.CLOSE)]
        missed, chatrooms = await gather(
            [self._inbox.news(user_id, watch.point, MOST), self._chatrooms.of_user(user_id)]
        )
        return [Memberships(user_id, frozenset(chatrooms)), *missed]

    def leave(self, user_id: str) -> None:
        """Say that no connection of the user is left here, now or when Redis can be told."""
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
            self._log.failure("a user who left could not be taken out")

    def _left(self, result: object) -> None:
        self._leaving -= 1
        self._maybe_idle()

    async def leave_all(self) -> None:
        """Say it of all who could not be told of yet, until nobody can be told."""
        gone = tuple(self._gone)
        for start in range(0, len(gone), LEAVING_AT_A_TIME):
            some = gone[start : start + LEAVING_AT_A_TIME]
            await gather(map(self._leave, some))
            if self._gone.issuperset(some):
                return

    async def idle(self) -> None:
        """Return when nothing is under way."""
        if self._work is not None or self._leaving:
            waiting: Deferred[None] = Deferred()
            self._idle.append(waiting)
            await waiting

    def _maybe_idle(self) -> None:
        if self._work is None and not self._leaving:
            idle, self._idle = self._idle, []
            for waiting in idle:
                waiting.callback(None)
