"""The push policy: who gets what, and when, of all that the storage announces."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from gim.chat.catchup import CatchUp
from gim.chat.presence import Connection, Login, Online, Presence
from gim.chat.room import Interval, Room
from gim.chat.writer import PushWriter
from gim.logs import Logger
from gim.model import Push, SessionHead
from gim.names import PRIVATE
from gim.storage.seam import Entered, Left, News, Storage, Stored


class Pushes:
    """Takes the storage's announcements to the connections of this node.

    A private message goes at once to all connections of its receiver and to the sender's other ones;
    a chatroom message goes to the `Room` of its chatroom, which exists while a member is connected
    here or its interval runs.
    """

    _log = Logger()

    def __init__(
        self,
        storage: Storage,
        clock: IReactorTime,
        interval: Interval,
        concurrency: int,
        before_slice: Callable[[], None] = lambda: None,
    ) -> None:
        """*concurrency* and *before_slice* are for `PushWriter`."""
        self._storage = storage
        self._clock = clock
        self._interval = interval
        self._writer = PushWriter(clock, concurrency, before_slice)
        self._presence = Presence()
        self._rooms: dict[str, Room] = {}

    def announced(self, news: News) -> None:
        """See `gim.storage.seam.Listener`."""
        try:
            if isinstance(news, Stored) and news.session.type == PRIVATE:
                self._push_private(news)
            else:
                self._take(news)
        except Exception:
            self._log.failure("an announcement could not be pushed")

    def _take(self, news: News) -> None:
        if isinstance(news, Stored):
            room = self._rooms.get(news.session.parts[0])
            if room is not None:
                room.offer(news)
        elif (user := self._presence.get(news.user_id)) is not None:
            if isinstance(news, Entered):
                self._in_background(self.enter_room(user, news.chatroom_id))
            elif isinstance(news, Left):
                self.leave_room(news.user_id, news.chatroom_id)

    def _push_private(self, news: Stored) -> None:
        sender = news.message.sender
        receiver = self._presence.get(news.session.peer_of(sender.id))
        if receiver is not None:
            self._push_to(receiver, news, sender.name)
        user = self._presence.get(sender.id)
        if user is not None and (len(user.logins) > 1 or user.logins[0].connection.key != news.origin):
            self._push_to(user, news, news.title)

    def _push_to(self, user: Online, news: Stored, title: str) -> None:
        push = Push(SessionHead(news.session.id, PRIVATE, title), [news.message])
        written = False
        for login in user.logins:
            if login.connection.key != news.origin and login.offer(push):
                written = True
        if written:
            self._storage.delivered(user.id, news.message.id)

    async def enter(self, user_id: str, connection: Connection, catch_up: CatchUp) -> Login:
        """Let a connection take part: it gets the pushes of its user and of all their chatrooms."""
        await self._storage.watch_user(user_id)
        login = self._presence.enter(user_id, connection, catch_up)
        for chatroom_id in login.user.chatrooms:
            self._rooms[chatroom_id].enter(connection)
        try:
            for chatroom_id in await self._storage.chatrooms(user_id):
                await self.enter_room(login.user, chatroom_id)
        except BaseException:
            self.leave(login)
            raise
        return login

    def catch_up(self, login: Login) -> None:
        """Begin to push what a login missed."""
        login.connection.pull(lambda: self._catch_up(login))

    def _catch_up(self, login: Login) -> bool:
        if login.catch_up is None:  # it has left
            return False
        pushes = login.catch_up.next()
        for push in pushes:
            login.connection.deliver(push)
            self._storage.delivered(login.user.id, push.items[-1].id)
        if not pushes:
            login.catch_up = None
        return bool(pushes)

    def leave(self, login: Login) -> None:
        """End the part of a connection: no push reaches it any more."""
        login.catch_up = None
        for chatroom_id in login.user.chatrooms:
            self._rooms[chatroom_id].leave(login.connection)
        if self._presence.leave(login):
            for chatroom_id in tuple(login.user.chatrooms):
                self._exit(login.user, chatroom_id)
            self._storage.unwatch_user(login.user.id)

    async def enter_room(self, user: Online, chatroom_id: str) -> None:
        """Let a user's connections get the pushes of a chatroom."""
        await self._storage.watch_chatroom(chatroom_id)
        if not user.logins:  # gone while waiting
            return
        room = self._rooms.get(chatroom_id)
        if room is None:
            room = Room(chatroom_id, self._interval, self._clock, self._writer, self._drop_unused)
            self._rooms[chatroom_id] = room
        for login in user.logins:
            room.enter(login.connection)
        user.chatrooms.add(chatroom_id)

    async def join(self, user_id: str, chatroom_id: str) -> None:
        """Do as `enter_room` for a user who may be online here or not."""
        user = self._presence.get(user_id)
        if user is not None:
            await self.enter_room(user, chatroom_id)

    def leave_room(self, user_id: str, chatroom_id: str) -> None:
        """Let no connection of the user get any more pushes of the chatroom."""
        user = self._presence.get(user_id)
        if user is not None:
            self._exit(user, chatroom_id)

    def _exit(self, user: Online, chatroom_id: str) -> None:
        user.chatrooms.discard(chatroom_id)
        room = self._rooms.get(chatroom_id)
        if room is None:
            return
        for login in user.logins:
            room.leave(login.connection)
        if room.is_empty:
            self._storage.unwatch_chatroom(chatroom_id)
            self._drop_unused(room)

    def _drop_unused(self, room: Room) -> None:
        if room.is_empty and room.is_quiet:
            self._rooms.pop(room.id, None)

    def flush(self) -> None:
        """Write out now what waits for an interval, and end the intervals."""
        rooms = list(self._rooms.values())
        for room in rooms:
            room.flush()
        self._writer.flush()
        for room in rooms:
            room.stop()

    def _in_background(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        deferred = Deferred.fromCoroutine(work)
        deferred.addErrback(lambda failure: self._log.failure("entering a chatroom failed", failure))
