"""The chatrooms that are pushed to connections of this node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.push.chatroom import ChatroomPusher, PushPolicy
from gim.push.counts import PushCounts
from gim.push.presence import Login, OnlineUser, Presence
from gim.push.writer import PushWriter
from gim.storage.interface import Chatrooms

ENTER_RETRY_AFTER = 1.0  # seconds until a chatroom that could not be entered is tried again


class LocalChatrooms:
    """Subscribes to the chatrooms of users who are online here, and keeps a `ChatroomPusher` for each.

    A pusher exists while a member is connected here or its interval runs.
    """

    _log = Logger()

    def __init__(
        self,
        chatrooms: Chatrooms,
        presence: Presence,
        writer: PushWriter,
        policy: PushPolicy,
        clock: IReactorTime,
        counts: PushCounts,
    ) -> None:
        self._chatrooms = chatrooms
        self._presence = presence
        self._writer = writer
        self._policy = policy
        self._clock = clock
        self._counts = counts
        self.pushers: dict[str, ChatroomPusher] = {}
        self.pending_logins: set[Login] = set()  # whose clients have no reply yet, and get no pushes
        self._subscribing: Counter[str] = Counter()  # calls to the storage under way, by chatroom

    def add_connection(self, login: Login) -> None:
        """Push to a connection from now on what its user's chatrooms get."""
        for chatroom_id in login.user.chatrooms:
            self._pusher(chatroom_id).enter(login.connection)

    def remove_connection(self, login: Login) -> None:
        """Push nothing of any chatroom to a connection any more."""
        for chatroom_id in login.user.chatrooms:
            if (pusher := self.pushers.get(chatroom_id)) is not None:
                pusher.leave(login.connection)

    def begin_entering(self, user: OnlineUser, chatroom_ids: list[str]) -> None:
        """Keep the subscriptions to chatrooms that a login of the user is about to enter."""
        if not chatroom_ids:
            return
        user.chatrooms.update(chatroom_ids)
        self._subscribing.update(chatroom_ids)

    def end_entering(self, user: OnlineUser, chatroom_ids: list[str]) -> None:
        """Push messages of these chatrooms to the user's connections from now on, unless the user has
        left them meanwhile."""
        for chatroom_id in chatroom_ids:
            self._subscribed(chatroom_id)
            if chatroom_id in user.chatrooms:
                self.enter_subscribed(user, chatroom_id)
            else:
                self.unsubscribe_unused(chatroom_id)

    def enter_subscribed(self, user: OnlineUser, chatroom_id: str) -> None:
        """Push messages of a chatroom that is subscribed to to the user's connections from now on."""
        user.chatrooms.add(chatroom_id)
        for login in user.logins:
            if login not in self.pending_logins:
                self._pusher(chatroom_id).enter(login.connection)

    async def enter(self, user: OnlineUser, chatroom_id: str) -> None:
        """Subscribe to the chatroom, and push its messages to the user's connections from now on."""
        was_in = chatroom_id in user.chatrooms
        user.chatrooms.add(chatroom_id)
        with self.subscribed_meanwhile(chatroom_id):
            try:
                await self._chatrooms.subscribe(chatroom_id)
            except BaseException:
                if not was_in:
                    user.chatrooms.discard(chatroom_id)
                raise
            if chatroom_id in user.chatrooms and user.logins:  # the user did not leave meanwhile
                self.enter_subscribed(user, chatroom_id)

    @contextmanager
    def subscribed_meanwhile(self, chatroom_id: str) -> Iterator[None]:
        """Keep a subscription to the chatroom within, and after it if it is used then."""
        self._subscribing[chatroom_id] += 1
        try:
            yield
        finally:
            self._subscribed(chatroom_id)
            self.unsubscribe_unused(chatroom_id)

    def _subscribed(self, chatroom_id: str) -> None:
        self._subscribing[chatroom_id] -= 1
        if not self._subscribing[chatroom_id]:
            del self._subscribing[chatroom_id]

    def _pusher(self, chatroom_id: str) -> ChatroomPusher:
        pusher = self.pushers.get(chatroom_id)
        if pusher is None:
            pusher = ChatroomPusher(
                chatroom_id,
                self._policy,
                self._clock,
                self._writer,
                self._drop_unused,
                self._counts,
            )
            self.pushers[chatroom_id] = pusher
        return pusher

    def leave(self, user: OnlineUser, chatroom_id: str) -> None:
        """Push nothing of the chatroom to the user's connections any more."""
        user.chatrooms.discard(chatroom_id)
        if (pusher := self.pushers.get(chatroom_id)) is not None:
            for login in user.logins:
                pusher.leave(login.connection)
        self.unsubscribe_unused(chatroom_id)

    def unsubscribe_unused(self, chatroom_id: str) -> None:
        """Unsubscribe from a chatroom that has no local members and none joining."""
        pusher = self.pushers.get(chatroom_id)
        if (pusher is not None and not pusher.is_empty) or self._subscribing[chatroom_id]:
            return
        if any(chatroom_id in login.user.chatrooms for login in self.pending_logins):
            return
        self._chatrooms.unsubscribe(chatroom_id)
        if pusher is not None:
            self._drop_unused(pusher)

    def _drop_unused(self, pusher: ChatroomPusher) -> None:
        if pusher.is_empty and pusher.is_quiet:
            self.pushers.pop(pusher.id, None)

    def flush(self) -> None:
        """Write at once what waits for an interval, and end the intervals."""
        pushers = list(self.pushers.values())
        for pusher in pushers:
            pusher.flush()
        self._writer.flush()
        for pusher in pushers:
            pusher.stop()

    def flush_to(self, login: Login) -> None:
        """Write to one login what waits for an interval; its connection is about to be closed."""
        self._writer.flush()
        for chatroom_id in login.user.chatrooms:
            if (pusher := self.pushers.get(chatroom_id)) is not None:
                pusher.flush_to(login.connection)

    def enter_with_retries(self, user: OnlineUser, chatroom_id: str, is_retry: bool = False) -> None:
        """Enter a chatroom that the user joined through another node; try until it succeeds."""
        if self._presence.get(user.id) is user:
            enter = self._enter_if_member if is_retry else self.enter
            entering = Deferred.fromCoroutine(enter(user, chatroom_id))
            entering.addErrback(self._enter_again, user, chatroom_id)

    async def _enter_if_member(self, user: OnlineUser, chatroom_id: str) -> None:
        """Enter the chatroom unless the user has left it meanwhile."""
        if chatroom_id in await self._chatrooms.of_user(user.id):
            await self.enter(user, chatroom_id)

    def _enter_again(self, failure: Failure, user: OnlineUser, chatroom_id: str) -> None:
        if failure.check(Unavailable) is None:
            self._log.failure("entering a chatroom failed", failure)
        else:
            self._clock.callLater(ENTER_RETRY_AFTER, self.enter_with_retries, user, chatroom_id, True)
