"""The dispatcher: which connections of this node get what the storage announces."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gim.concurrency.clocks import WallClock
from gim.errors import Unavailable
from gim.ids import PRIVATE, chatroom_session
from gim.log.logger import Logger
from gim.model import ConnectionState, Counts, Event, EventType, Push, SessionHead, User
from gim.push.catchup import CatchUp
from gim.push.chatroom import ChatroomPusher
from gim.push.counts import PushCounts
from gim.push.event_fanout import EventFanout
from gim.push.local_chatrooms import LocalChatrooms
from gim.push.presence import Connection, Login, OnlineUser, Presence
from gim.push.settings import PushSettings
from gim.push.writer import PER_CHUNK, PER_TURN, Batch, PushWriter
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
    NodeMessage,
    SessionEvent,
)
from gim.storage.interface import Entrance, Entry, Storage

READ_RETRY_AFTER = 1.0  # seconds until missed messages that could not be read are tried again


class PushDispatcher:
    """Takes the storage's announcements to the connections of this node.

    A private message goes at once to all connections of its receiver, and to the sender's other ones. A
    chatroom message goes to the `ChatroomPusher` of its chatroom.
    """

    _log = Logger()

    def __init__(
        self,
        storage: Storage,
        clock: IReactorTime,
        wall: WallClock,
        settings: PushSettings,
        batch: Batch | None = None,
        is_idle: Callable[[], bool] = lambda: False,
        replaced: Callable[[], object] = lambda: None,
        receive: Callable[[str, bytes], object] = lambda sender, body: None,
        per_turn: int = PER_TURN,
        per_chunk: int = PER_CHUNK,
    ) -> None:
        """*batch*, *is_idle*, *per_turn* and *per_chunk* are for `PushWriter`. *replaced* is called when
        the storage serves another data set, and must close all connections. *receive* is called with each
        `NodeMessage`."""
        self._node = storage.node
        self._users = storage.users
        self._delivered = storage.messages.delivered
        self._chatrooms = storage.chatrooms
        self._nodes = storage.nodes
        self._subscribes_new_members = storage.subscribes_new_members
        self._clock = clock
        self._wall = wall
        self._writer = PushWriter(clock, settings.concurrency, batch, is_idle, per_turn, per_chunk)
        self._replaced = replaced
        self._receive = receive
        self.pushed = PushCounts()
        self._presence = Presence()
        self._find_user = self._presence.get
        self._local = LocalChatrooms(
            storage.chatrooms, self._presence, self._writer, settings.policy, clock, self.pushed
        )
        self._pushers, self._pending_logins = self._local.pushers, self._local.pending_logins

    @property
    def users(self) -> int:
        """How many users are logged in at this node."""
        return len(self._presence)

    @property
    def chatrooms(self) -> int:
        """How many chatrooms are pushed to connections of this node."""
        return len(self._pushers)

    def pushers(self) -> list[ChatroomPusher]:
        """Return the pushers of all chatrooms that are pushed to connections of this node."""
        return list(self._pushers.values())

    def pusher_of(self, chatroom_id: str) -> ChatroomPusher | None:
        """Return the pusher of a chatroom, None for one that is not pushed here."""
        return self._pushers.get(chatroom_id)

    def chatrooms_of(self, user_id: str) -> int:
        """Return how many chatrooms are pushed to a user at this node, 0 for one who is not here."""
        user = self._presence.get(user_id)
        return len(user.chatrooms) if user is not None else 0

    def keys_of(self, user_id: str) -> list[str]:
        """Return the keys of a user's connections to this node."""
        return [connection.key for connection in self._connections_of(user_id)]

    def on_announcement(self, news: Announcement) -> None:
        """See `gim.storage.interface.Listener`."""
        try:
            if type(news) is MessageStored and news.reader:  # it is private
                user = self._find_user(news.reader)
                if user is not None:
                    self._push_private(user, news)
            else:
                self._dispatch(news)
        except Exception:
            self._log.failure("an announcement could not be pushed")

    def _dispatch(self, news: Announcement) -> None:
        if isinstance(news, MessageStored):
            pusher = self._pushers.get(news.session.parts[0])
            if pusher is not None:
                pusher.offer(news)
            else:  # a login or joining that failed has left the subscription behind
                self._local.unsubscribe_unused(news.session.parts[0])
        elif isinstance(news, DataSetReplaced):
            self._replaced()
        elif isinstance(news, SessionEvent):
            self._send_event(news)
        elif isinstance(news, Broadcast):
            self._broadcast(news.event)
        elif isinstance(news, ConnectionCommand):
            self._nodes.reply_to_command(news, self._carry_out(news))
        elif isinstance(news, NodeMessage):
            self._receive(news.sender, news.body)
        elif (user := self._presence.get(news.user_id)) is not None:
            self._change_chatrooms(user, news)
        elif isinstance(news, MemberJoined):  # the user has just logged out
            self._local.unsubscribe_unused(news.chatroom_id)

    def _change_chatrooms(self, user: OnlineUser, news: MemberJoined | MemberLeft | Memberships) -> None:
        if isinstance(news, MemberJoined) and self._subscribes_new_members:
            self._local.enter_subscribed(user, news.chatroom_id)
        elif isinstance(news, MemberJoined):
            self._local.enter_with_retries(user, news.chatroom_id)
        elif isinstance(news, MemberLeft):
            self._local.leave(user, news.chatroom_id)
            if news.why:
                event = Event(news.why, news.by, chatroom_session(news.chatroom_id).id, user.id)
                self._send_event_to(user, event)
        else:
            for chatroom_id in user.chatrooms - news.chatroom_ids:
                self.leave_chatroom(user.id, chatroom_id)
            for chatroom_id in news.chatroom_ids - user.chatrooms:
                self._local.enter_with_retries(user, chatroom_id)

    def counts(self) -> Counts:
        """See `gim.storage.interface.Listener`."""
        pushers = sum(not pusher.is_empty for pusher in self._pushers.values())
        return Counts(self._presence.connections, len(self._presence), pushers)

    # events

    def _send_event(self, news: SessionEvent) -> None:
        if news.reader:
            user = self._presence.get(news.reader)
            if user is not None:
                self._send_event_to(user, news.event)
        elif (pusher := self._pushers.get(news.session.parts[0])) is not None:
            pusher.send_event(news.event, self._connections_of(news.gone) if news.gone else ())

    def _send_event_to(self, user: OnlineUser, event: Event) -> None:
        for login in user.logins:
            if event.type == EventType.RECALLED and login.catch_up is not None:
                login.catch_up.recall(event.message_id)
            if login not in self._pending_logins:
                login.connection.deliver(event)
                self.pushed.events += 1

    def _connections_of(self, user_id: str) -> list[Connection]:
        user = self._presence.get(user_id)
        return [login.connection for login in user.logins] if user is not None else []

    def _broadcast(self, event: Event) -> None:
        told = {
            login.connection: login
            for login in self._presence.logins()
            if login not in self._pending_logins
        }

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

    def _push_private(self, user: OnlineUser, news: MessageStored) -> None:
        origin, logins = news.origin, user.logins
        if len(logins) == 1 and logins[0].connection.key == origin:
            return
        message, written = news.message, 0
        push = Push(SessionHead(message.session_id, PRIVATE, news.title), [message])
        for login in logins:
            if login.connection.key != origin and login.offer(push):
                written += 1
        if written:
            self.pushed.private += written
            self._delivered(user.id, message.id)

    async def enter(
        self, entry: Entry, connection: Connection, catch_up: CatchUp, admit: Callable[[str, int], None]
    ) -> tuple[Login, Entrance]:
        """Log a connection in.

        *admit* is called with the user and the number of their chatrooms, and may refuse the login by
        raising an error. Private pushes are held back until `catch_up`, which the caller must call.
        """
        login = self._presence.enter(entry.user_id, connection, catch_up, self._wall.now_ms())
        self._pending_logins.add(login)
        entering: list[str] = []

        def known(chatroom_ids: list[str]) -> None:
            admit(entry.user_id, len(chatroom_ids))
            self._local.begin_entering(login.user, chatroom_ids)
            entering.extend(chatroom_ids)

        try:
            entrance = await self._users.enter(entry, known)
        except BaseException:
            self._local.end_entering(login.user, entering)
            self._remove(login)
            raise
        self._local.end_entering(login.user, entering)
        return login, entrance

    def catch_up(self, login: Login, count: Callable[[str, int], None]) -> None:
        """Start pushing: first what the login missed, and the messages of its chatrooms.

        *count* is called with the user and the bytes of each push of missed messages.
        """
        self._pending_logins.discard(login)
        self._local.add_connection(login)
        if login.catch_up is not None and login.catch_up.is_done:  # as most have missed nothing
            login.caught_up()
            return
        login.connection.write_while_drained(lambda: self._catch_up(login, count))

    def _catch_up(self, login: Login, count: Callable[[str, int], None]) -> bool:
        if login.catch_up is None:  # it has logged out
            return False
        if login.catch_up.needs_more:
            reading = Deferred.fromCoroutine(login.catch_up.read_more())
            reading.addCallbacks(lambda _: 0.0, self._not_read).addCallback(self._go_on, login, count)
            return False
        pushes = login.catch_up.next()
        for push in pushes:
            login.connection.deliver(push)
            count(login.user.id, sum(map(len, push.__dict__.values())))
            self.pushed.caught_up += 1
            self.pushed.caught_up_messages += len(push.items)
            self._delivered(login.user.id, push.items[-1].id)
        if not pushes:
            login.caught_up()
        return bool(pushes)

    def _not_read(self, failure: Failure) -> float:
        """Return after how many seconds missed messages are read again that could not be read."""
        if failure.check(Unavailable) is None:
            self._log.failure("missed messages could not be read", failure)
        return READ_RETRY_AFTER

    def _go_on(self, seconds: float, login: Login, count: Callable[[str, int], None]) -> None:
        """Go on catching up later, at the pace of the socket."""

        def go_on() -> None:
            if login.catch_up is not None:
                login.connection.write_while_drained(lambda: self._catch_up(login, count))

        self._clock.callLater(seconds, go_on)

    def leave(self, login: Login) -> None:
        """Remove a login: no push reaches its connection any more."""
        self._remove(login)
        self._users.exit(login.user.id)

    def _remove(self, login: Login) -> None:
        login.catch_up = None
        self._pending_logins.discard(login)
        self._local.remove_connection(login)
        if self._presence.leave(login):
            for chatroom_id in tuple(login.user.chatrooms):
                self._local.leave(login.user, chatroom_id)

    async def join(self, user: User, chatroom_id: str, name: str) -> int:
        """Make the user a member, as `gim.storage.interface.Chatrooms.join` does; return the number of
        members. If the user is online here, messages of the chatroom are pushed to them from now on."""
        with self._local.subscribed_meanwhile(chatroom_id):
            total = await self._chatrooms.join(chatroom_id, user, name)
            if (online := self._presence.get(user.id)) is not None:
                self._local.enter_subscribed(online, chatroom_id)
        return total

    def leave_chatroom(self, user_id: str, chatroom_id: str) -> None:
        """Push nothing of the chatroom to the user any more."""
        user = self._presence.get(user_id)
        if user is not None:
            self._local.leave(user, chatroom_id)

    def flush(self) -> None:
        """Write at once what waits for an interval, and end the intervals."""
        self._local.flush()

    def flush_to(self, login: Login) -> None:
        """Write to one login what waits for an interval; its connection is about to be closed."""
        self._local.flush_to(login)
