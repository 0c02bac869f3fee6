"""The push policy: who gets what, and when, of all that the storage announces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gim.concurrency.clocks import now_ms
from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.ids import PRIVATE, chatroom_session
from gim.limits.limits import Limits
from gim.log.logger import Logger
from gim.model import ConnectionState, Counts, Event, EventType, Push, SessionHead
from gim.push.catchup import CatchUp
from gim.push.chatroom import ChatroomPusher, PushPolicy
from gim.push.counts import PushCounts
from gim.push.event_fanout import EventFanout
from gim.push.presence import Connection, Login, OnlineUser, Presence
from gim.push.writer import PushWriter
from gim.storage.announcements import (
    Announcement,
    Broadcast,
    ConnectionAction,
    ConnectionCommand,
    DataSetReplaced,
    MemberJoined,
    MemberLeft,
    Memberships,
    MessageStored,
    SessionEvent,
)
from gim.storage.interface import Storage

ENTER_AGAIN_AFTER = 1.0  # seconds


class PushDispatcher:
    """Takes the storage's announcements to the connections of this node.

    A private message goes at once to all connections of its receiver and to the sender's other ones;
    a chatroom message goes to the `ChatroomPusher` of its chatroom, which exists while a member is
    connected here or its interval runs.
    """

    _log = Logger()

    def __init__(
        self,
        storage: Storage,
        clock: IReactorTime,
        interval: PushPolicy,
        concurrency: int,
        before_slice: Callable[[], None] = lambda: None,
        replaced: Callable[[], object] = lambda: None,
        limits: Limits | None = None,
    ) -> None:
        """*concurrency* and *before_slice* are for `PushWriter`; *replaced* is called when the storage
        serves another data set, and is to close all connections; *limits* are none unless given."""
        self._node = storage.node
        self._users = storage.users
        self._messages = storage.messages
        self._chatrooms = storage.chatrooms
        self._nodes = storage.nodes
        self._clock = clock
        self._interval = interval
        self._writer = PushWriter(clock, concurrency, before_slice)
        self._replaced = replaced
        self.pushed = PushCounts()
        self._presence = Presence(limits)
        self._rooms: dict[str, ChatroomPusher] = {}
        self._entering: Counter[str] = Counter()  # chatrooms that the storage is asked to watch
        self._untold: set[Login] = set()  # logins whose clients do not know of it yet

    @property
    def users(self) -> int:
        """How many users are logged in at this node."""
        return len(self._presence)

    @property
    def chatrooms(self) -> int:
        """How many chatrooms are pushed to connections of this node."""
        return len(self._rooms)

    def on_announcement(self, news: Announcement) -> None:
        """See `gim.storage.interface.Listener`."""
        try:
            if isinstance(news, MessageStored) and news.session.type == PRIVATE:
                self._push_private(news)
            else:
                self._take(news)
        except Exception:
            self._log.failure("an announcement could not be pushed")

    def _take(self, news: Announcement) -> None:
        if isinstance(news, MessageStored):
            room = self._rooms.get(news.session.parts[0])
            if room is not None:
                room.offer(news)
        elif isinstance(news, DataSetReplaced):
            self._replaced()
        elif isinstance(news, SessionEvent):
            self._tell(news)
        elif isinstance(news, Broadcast):
            self._tell_all(news.event)
        elif isinstance(news, ConnectionCommand):
            self._nodes.reply_to_command(news, self._carry_out(news))
        elif (user := self._presence.get(news.user_id)) is not None:
            self._change_rooms(user, news)

    def _change_rooms(self, user: OnlineUser, news: MemberJoined | MemberLeft | Memberships) -> None:
        if isinstance(news, MemberJoined):
            self._enter_surely(user, news.chatroom_id)
        elif isinstance(news, MemberLeft):
            self._exit(user, news.chatroom_id)
            if news.why:
                event = Event(news.why, news.by, chatroom_session(news.chatroom_id).id, user.id)
                self._tell_user(user, event)
        else:
            for chatroom_id in user.chatrooms - news.chatroom_ids:
                self.leave_room(user.id, chatroom_id)
            for chatroom_id in news.chatroom_ids - user.chatrooms:
                self._enter_surely(user, chatroom_id)

    def counts(self) -> Counts:
        """See `gim.storage.interface.Listener`."""
        rooms = sum(not room.is_empty for room in self._rooms.values())
        return Counts(self._presence.connections, len(self._presence), rooms)

    # events

    def _tell(self, news: SessionEvent) -> None:
        if news.reader:
            user = self._presence.get(news.reader)
            if user is not None:
                self._tell_user(user, news.event)
        elif (room := self._rooms.get(news.session.parts[0])) is not None:
            event = news.event
            room.tell(event, self._own_connections(event) if event.type == EventType.REMOVED else ())

    def _tell_user(self, user: OnlineUser, event: Event) -> None:
        for login in user.logins:
            if event.type == EventType.RECALLED and login.catch_up is not None:
                login.catch_up.recall(event.message_id)
            if login not in self._untold:
                login.connection.deliver(event)
                self.pushed.events += 1

    def _own_connections(self, event: Event) -> list[Connection]:
        """Return the connections of the user concerned, who hears of a removal with its announcement."""
        user = self._presence.get(event.user_id)
        return [login.connection for login in user.logins] if user is not None else []

    def _tell_all(self, event: Event) -> None:
        told = {login.connection: login for login in self._presence.logins() if login not in self._untold}

        def is_still_here(connection: Connection) -> bool:
            login = told[connection]
            return login in login.user.logins

        self._writer.submit(EventFanout(event, tuple(told), is_still_here, self.pushed))

    def _carry_out(self, command: ConnectionCommand) -> list[ConnectionState]:
        """Carry out a command; return the connections that it concerned."""
        user = self._presence.get(command.user_id)
        logins = [
            login
            for login in (user.logins if user is not None else ())
            if command.key in ("", login.connection.key)
        ]
        states = [self._state(login) for login in logins]
        if command.action is ConnectionAction.CLOSE:
            for login in logins:
                login.connection.expel()
        return states

    def _state(self, login: Login) -> ConnectionState:
        connection = login.connection
        return ConnectionState(connection.key, self._node, connection.peer, login.since)

    # messages

    def is_alone(self, user_id: str, key: str) -> bool:
        """Say whether the connection of this key is all that the user has here."""
        user = self._presence.get(user_id)
        return user is None or (len(user.logins) == 1 and user.logins[0].connection.key == key)

    def _push_private(self, news: MessageStored) -> None:
        user = self._presence.get(news.reader)
        if user is not None and (len(user.logins) > 1 or user.logins[0].connection.key != news.origin):
            self._push_to(user, news)

    def _push_to(self, user: OnlineUser, news: MessageStored) -> None:
        push = Push(SessionHead(news.session.id, PRIVATE, news.title), [news.message])
        written = 0
        for login in user.logins:
            if login.connection.key != news.origin and login.offer(push):
                written += 1
        if written:
            self.pushed.private += written
            self._messages.delivered(user.id, news.message.id)

    async def enter(self, user_id: str, connection: Connection, catch_up: CatchUp) -> Login:
        """Let a connection take part: private pushes are held back for it, and `catch_up` must follow."""
        now = now_ms(self._clock)
        login = self._presence.enter(user_id, connection, catch_up, now)
        self._untold.add(login)
        try:
            await self._users.subscribe(user_id)
            chatroom_ids = await self._chatrooms.of_user(user_id)
            await gather(self.enter_room(login.user, chatroom_id) for chatroom_id in chatroom_ids)
        except BaseException:
            self.leave(login)
            raise
        return login

    def catch_up(self, login: Login) -> None:
        """Begin to push: what the login missed, and its chatrooms."""
        self._untold.discard(login)
        for chatroom_id in login.user.chatrooms:
            self._room(chatroom_id).enter(login.connection)
        login.connection.write_while_drained(lambda: self._catch_up(login))

    def _catch_up(self, login: Login) -> bool:
        if login.catch_up is None:  # it has left
            return False
        pushes = login.catch_up.next()
        for push in pushes:
            login.connection.deliver(push)
            self.pushed.caught_up += 1
            self.pushed.caught_up_messages += len(push.items)
            self._messages.delivered(login.user.id, push.items[-1].id)
        if not pushes:
            login.caught_up()
        return bool(pushes)

    def leave(self, login: Login) -> None:
        """End the part of a connection: no push reaches it any more."""
        login.catch_up = None
        self._untold.discard(login)
        for chatroom_id in login.user.chatrooms:
            if (room := self._rooms.get(chatroom_id)) is not None:
                room.leave(login.connection)
        if self._presence.leave(login):
            for chatroom_id in tuple(login.user.chatrooms):
                self._exit(login.user, chatroom_id)
            self._users.unsubscribe(login.user.id)

    async def enter_room(self, user: OnlineUser, chatroom_id: str) -> None:
        """Let a user's connections get the pushes of a chatroom."""
        was_in = chatroom_id in user.chatrooms
        user.chatrooms.add(chatroom_id)
        self._entering[chatroom_id] += 1
        try:
            await self._chatrooms.subscribe(chatroom_id)
        except BaseException:
            if not was_in:
                user.chatrooms.discard(chatroom_id)
            self._entered(chatroom_id)
            self._unwatch_unused(chatroom_id)
            raise
        self._entered(chatroom_id)
        if chatroom_id in user.chatrooms:  # they did not leave while this waited
            for login in user.logins:
                if login not in self._untold:
                    self._room(chatroom_id).enter(login.connection)
        self._unwatch_unused(chatroom_id)

    def _entered(self, chatroom_id: str) -> None:
        self._entering[chatroom_id] -= 1
        if not self._entering[chatroom_id]:
            del self._entering[chatroom_id]

    def _room(self, chatroom_id: str) -> ChatroomPusher:
        room = self._rooms.get(chatroom_id)
        if room is None:
            room = ChatroomPusher(
                chatroom_id,
                self._interval,
                self._clock,
                self._writer,
                self._drop_unused,
                self.pushed,
            )
            self._rooms[chatroom_id] = room
        return room

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

    def _exit(self, user: OnlineUser, chatroom_id: str) -> None:
        user.chatrooms.discard(chatroom_id)
        if (room := self._rooms.get(chatroom_id)) is not None:
            for login in user.logins:
                room.leave(login.connection)
        self._unwatch_unused(chatroom_id)

    def _unwatch_unused(self, chatroom_id: str) -> None:
        """Watch a chatroom no more that nobody here is in, or about to be."""
        room = self._rooms.get(chatroom_id)
        if (room is not None and not room.is_empty) or self._entering[chatroom_id]:
            return
        if any(chatroom_id in login.user.chatrooms for login in self._untold):
            return
        self._chatrooms.unsubscribe(chatroom_id)
        if room is not None:
            self._drop_unused(room)

    def _drop_unused(self, room: ChatroomPusher) -> None:
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

    def flush_to(self, login: Login) -> None:
        """Write to one login, whose connection is about to be closed, what waits for an interval."""
        self._writer.flush()
        for chatroom_id in login.user.chatrooms:
            if (room := self._rooms.get(chatroom_id)) is not None:
                room.flush_to(login.connection)

    def _enter_surely(self, user: OnlineUser, chatroom_id: str, is_again: bool = False) -> None:
        """Enter a chatroom that the user joined elsewhere; as nobody waits for it, until it succeeds."""
        if self._presence.get(user.id) is user:
            way = self._enter_still if is_again else self.enter_room
            entering = Deferred.fromCoroutine(way(user, chatroom_id))
            entering.addErrback(self._enter_again, user, chatroom_id)

    async def _enter_still(self, user: OnlineUser, chatroom_id: str) -> None:
        """Enter it if the user did not leave meanwhile."""
        if chatroom_id in await self._chatrooms.of_user(user.id):
            await self.enter_room(user, chatroom_id)

    def _enter_again(self, failure: Failure, user: OnlineUser, chatroom_id: str) -> None:
        if failure.check(Unavailable) is None:
            self._log.failure("entering a chatroom failed", failure)
        else:
            self._clock.callLater(ENTER_AGAIN_AFTER, self._enter_surely, user, chatroom_id, True)
