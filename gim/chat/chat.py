"""Chat: the operations of users, over WebSocket or HTTP. Checks what is asked, and asks the storage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct

from gim import ids
from gim.auth.authenticator import Authenticator, Identity
from gim.chat.cursors import read_cursor, write_cursor
from gim.chat.session_walk import read_page, read_walk, write_walk
from gim.chat.settings import ChatSettings
from gim.concurrency.clocks import WallClock
from gim.errors import Conflict, Forbidden, NotReady, PayloadTooLarge, Unavailable
from gim.ids import PRIVATE, Session
from gim.limits.limits import CONTENT, LimitHits
from gim.limits.read_rate import ReadRate
from gim.model import (
    Credentials,
    History,
    Joined,
    LoggedIn,
    MemberPage,
    Readiness,
    Sent,
    ServerTime,
    SessionPage,
    Unread,
    User,
    UserState,
)
from gim.names import check_name
from gim.push.catchup import MAX_MISSED, CatchUp
from gim.push.dispatcher import PushDispatcher
from gim.push.presence import Connection, Login
from gim.storage.interface import Draft, Entrance, Entry, Storage

LOGIN_ROWS = 10  # what a login costs in rows, without what it enters and missed: it makes a token
CHATROOMS_PER_ROW = 32  # a list of sessions ranks so many chatrooms of its user for the cost of a row


class Point(Struct, frozen=True):
    """How far a device has come: its newest message id, and the epoch of the data set it is from."""

    since: str
    epoch: str


class Chat:
    """The operations of docs/protocol.md, section 5. Every method may raise a `GimError`.

    The decoder has checked the shape of arguments (types, lengths, ranges). What depends on the meaning
    of ids, on limits or on what is stored is checked here or in the storage.
    """

    def __init__(
        self,
        storage: Storage,
        pushes: PushDispatcher,
        admission: Authenticator,
        wall: WallClock,
        settings: ChatSettings,
        hits: LimitHits,
        read_rate: ReadRate,
        is_overloaded: Callable[[], bool] = lambda: False,
        max_missed: int = MAX_MISSED,
    ) -> None:
        self._storage = storage
        self._users = storage.users
        self._messages = storage.messages
        self._chatrooms = storage.chatrooms
        self._pushes = pushes
        self._admission = admission
        self._wall = wall
        self._max_content = settings.max_content
        self._hits = hits
        self._read_rate = read_rate
        self._is_overloaded = is_overloaded
        self._max_missed = max_missed
        self._state: Literal["starting", "serving", "draining"] = "starting"
        self._has_started = False

    @property
    def keeps_order(self) -> bool:
        """Say whether sends are stored in the order in which they were begun."""
        return self._storage.keeps_order

    async def start(self) -> None:
        """Start serving; returns when the storage serves."""
        await self._storage.start(self._pushes)
        self._has_started = True
        if self._state == "starting":  # `drain` was not called meanwhile
            self._state = "serving"

    def drain(self) -> None:
        """Report not ready from now on; requests are still served."""
        self._state = "draining"

    def flush(self) -> None:
        """Write the pushes that wait."""
        self._pushes.flush()

    async def stop(self) -> None:
        """Stop the storage."""
        await self._storage.stop()

    async def check_ready(self) -> Readiness:
        """Return what the operator should know, or raise `NotReady` if requests can't be served."""
        if self._state != "starting":
            self.check_serving()
        try:
            readiness = Readiness(await self._storage.ping())
        except Unavailable as error:
            is_starting = self._state == "starting"
            raise NotReady("starting" if is_starting else "storage", str(error)) from error
        self.check_serving()
        return readiness

    def check_started(self) -> None:
        """Raise `Unavailable` before the storage serves."""
        if not self._has_started:
            raise Unavailable("the server is starting: try again in a moment")

    def check_serving(self) -> None:
        """Raise `NotReady` if the server starts, stops or is overloaded."""
        if self._state != "serving":
            raise NotReady(self._state, f"the server is {self._state}: try again in a moment")
        if self._is_overloaded():
            raise NotReady("overloaded", "the server is overloaded: try again in a moment")

    # logging in and out

    def identify(self, user_id: str, name: str | None, token: str | None) -> Identity:
        """Return who logs in, for `login`, `renew` or `credentials`, or raise `Unauthorized`."""
        return self._admission.identify(user_id, name, token)

    async def login(
        self, connection: Connection, who: Identity, point: Point | None
    ) -> tuple[Login, LoggedIn]:
        """Log a connection in; `catch_up` must follow once the client has the reply.

        *point* asks for all messages after it, None for those that no connection of the user got yet.
        """
        _check_point(point)
        self._read_rate.check(who.id)
        since, catch_up = point.since if point else None, CatchUp()
        entry = Entry(who.id, who.name, since, self._max_missed)
        login, entrance = await self._pushes.enter(entry, connection, catch_up, self._admit)
        try:
            answer = await self._entered(entrance, who.expires, catch_up, point)
        except BaseException:
            self._pushes.leave(login)
            raise
        return login, answer

    def _admit(self, user_id: str, chatrooms: int) -> None:
        """Count a login against the read rate; another one may have used it up while this one waited."""
        self._read_rate.check(user_id)
        self._read_rate.charge(user_id, LOGIN_ROWS + chatrooms * self._storage.rows_per_subscription)

    async def _entered(
        self, entrance: Entrance, until: float | None, catch_up: CatchUp, point: Point | None
    ) -> LoggedIn:
        user, missed = entrance.user, entrance.missed
        self._read_rate.charge(user.id, missed.count)
        catch_up.begin(missed.messages, missed.titles, missed.later)
        recovered = missed.complete and (point is None or await self._is_of_this_data(point))
        return await self._logged_in(user, until, missed.count, recovered)

    async def _is_of_this_data(self, point: Point) -> bool:
        return point.epoch == await self._storage.epoch()

    async def _logged_in(self, user: User, until: float | None, missed: int, recovered: bool) -> LoggedIn:
        return LoggedIn(
            user=user,
            token=await self._admission.issue(user, until),
            server_time=self.server_time().server_time,
            epoch=await self._storage.epoch(),
            missed=missed,
            recovered=recovered,
        )

    def catch_up(self, login: Login) -> None:
        """Push the missed messages to a new login."""
        self._pushes.catch_up(login, self.count_read)

    async def renew(self, login: Login, who: Identity, point: Point | None) -> LoggedIn:
        """Log in again on the same connection: a new name, a new token, and nothing pushed.

        With a *point* ``recovered`` tells whether there was nothing to push.
        """
        _check_point(point)
        if login.user.id != who.id:
            raise Conflict("this connection is logged in as another user: log out first")
        self._read_rate.check(who.id)
        self._read_rate.charge(who.id, LOGIN_ROWS)
        user = await self._users.put(who.id, who.name)
        if point is None:
            return await self._logged_in(user, who.expires, 0, True)
        missed = await self._messages.missed(who.id, point.since, 1)
        is_any_newer = any(message.id > point.since for message in missed.messages)
        # a Cluster returns older ones too, which are not too many by themselves
        if missed.messages and not is_any_newer:
            missed = await self._messages.missed(who.id, point.since, self._max_missed)
        recovered = missed.complete and not is_any_newer and await self._is_of_this_data(point)
        return await self._logged_in(user, who.expires, 0, recovered)

    def logout(self, login: Login) -> None:
        """Log a connection out."""
        self._pushes.leave(login)

    async def credentials(self, who: Identity) -> Credentials:
        """Log a user in without a connection."""
        user = await self._users.put(who.id, who.name)
        return Credentials(user, await self._admission.issue(user, who.expires))

    async def user_of_token(self, token: str) -> User:
        """Return the user that a token was issued for; raises as `gim.auth.api_tokens.ApiTokens.read`."""
        return await self._admission.user_of_token(token)

    def server_time(self) -> ServerTime:
        """Return the time, in Unix milliseconds."""
        return ServerTime(self._wall.now_ms())

    async def user(self, user_id: str) -> UserState:
        """Return a user, or raise `NotFound`."""
        return await self._users.get(ids.check_id(user_id, "id"))

    def count_read(self, user_id: str, size: int) -> None:
        """Count *size* bytes to a user against the read rate; their rows are counted already."""
        self._read_rate.charge(user_id, size // 1024)

    # messages

    def send(
        self,
        sender: User,
        kind: int,
        target_id: str,
        content: str,
        category: str = "text",
        request_id: str = "",
        origin: str = "",
        as_admin: bool = False,
        answer_by: float | None = None,
    ) -> Awaitable[Sent]:
        """Store a message and start its push. *origin* is the connection that gets no push, *as_admin*
        marks an administrator's message: see `gim.storage.interface.Draft`, for *answer_by* too."""
        draft = Draft(
            self._session_with(sender, kind, target_id, content),
            sender,
            content,
            category,
            request_id,
            origin,
            self._pushes.is_alone(sender.id, origin),
            as_admin,
            answer_by,
        )
        return self._messages.append(draft)

    def send_from(
        self,
        login: Login,
        sender: User,
        kind: int,
        target_id: str,
        content: str,
        category: str,
        request_id: str,
    ) -> Sent | Awaitable[Sent]:
        """Do what `send` does, for a connection; return the answer itself if the storage has it at once.

        A coroutine would be a tenth of what the message costs.
        """
        draft = Draft(
            self._session_with(sender, kind, target_id, content),
            sender,
            content,
            category,
            request_id,
            login.connection.key,
            len(login.user.logins) == 1,
        )
        messages = self._messages
        append = messages.append_at_once
        return append(draft) if append is not None else messages.append(draft)

    def _session_with(self, sender: User, kind: int, target_id: str, content: str) -> Session:
        """Return the session of a message, whose target and content are checked."""
        if kind == PRIVATE:
            session = ids.session_with(sender.id, target_id)
        else:
            session = ids.chatroom_session(ids.check_id(target_id, "target_id"))
        if 4 * len(content) > self._max_content:  # a code point has 4 bytes of UTF-8 or fewer
            self.check_content(content)
        return session

    def check_content(self, content: str) -> None:
        """Raise `PayloadTooLarge` for content above the limit."""
        if len(content.encode()) > self._max_content:
            self._hits.hit(CONTENT)
            raise PayloadTooLarge(f"content: shorten it to {self._max_content} bytes of UTF-8")

    async def history(self, user_id: str, session_id: str, count: int, before: str | None) -> History:
        """Return the newest *count* messages of a session, or those just before a message."""
        session = self._session_of(user_id, session_id)
        if before is not None:
            ids.check_message_id(before, "message_id")
        self._read_rate.check(user_id)
        page = History(*await self._messages.history(session, user_id, before, count))
        self._read_rate.charge(user_id, 1 + len(page.items))
        return page

    async def sessions(self, user_id: str, count: int, cursor: str, kind: int | None) -> SessionPage:
        """Return a page of the user's sessions: see `gim.chat.session_walk`."""
        walk = read_walk(cursor)
        self._read_rate.check(user_id)
        items, following = await read_page(self._messages, user_id, kind, count, walk)
        chatrooms = self._pushes.chatrooms_of(user_id) // CHATROOMS_PER_ROW
        self._read_rate.charge(user_id, 1 + len(items) + chatrooms)
        return SessionPage(items, write_walk(following))

    async def mark_read(self, user_id: str, session_id: str, message_id: str) -> Unread:
        """Move the user's read position in a session up to a message."""
        session = self._session_of(user_id, session_id)
        ids.check_message_id(message_id, "message_id")
        return Unread(await self._messages.mark_read(session, user_id, message_id))

    def _session_of(self, user_id: str, session_id: str) -> Session:
        session = ids.session(session_id)
        if session.type == PRIVATE and user_id not in session.parts:
            raise Forbidden("this private session is between two other users")
        return session

    # chatrooms

    async def join(self, user: User, chatroom_id: str, name: str) -> Joined:
        """Make the user a member; create the chatroom if it is missing."""
        ids.check_id(chatroom_id, "id")
        total = await self._pushes.join(user, chatroom_id, check_name(name, "name"))
        return Joined(ids.chatroom_session(chatroom_id).id, total)

    async def leave(self, user_id: str, chatroom_id: str) -> None:
        """End a membership; no push of the chatroom reaches the user any more."""
        ids.check_id(chatroom_id, "id")
        await self._chatrooms.leave(chatroom_id, user_id)
        self._pushes.leave_chatroom(user_id, chatroom_id)

    async def members(self, user_id: str, chatroom_id: str, count: int, cursor: str) -> MemberPage:
        """Return a page of a chatroom's members, in order of id."""
        ids.check_id(chatroom_id, "id")
        place = read_cursor("m", cursor, 1)
        after = place[0] if place is not None else ""
        self._read_rate.check(user_id)
        items, total, more = await self._chatrooms.members(chatroom_id, user_id, after, count)
        self._read_rate.charge(user_id, 1 + len(items))
        return MemberPage(items, total, write_cursor("m", (items[-1].id,) if more else None))


def _check_point(point: Point | None) -> None:
    if point is not None:
        ids.check_message_id(point.since, "since")
