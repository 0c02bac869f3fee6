"""The handlers of operations: from a decoded packet to the chat and back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from gim.auth.authenticator import Identity
from gim.chat.chat import Chat, Point
from gim.chat.moderation import Moderation
from gim.concurrency.deadline import ANSWER_TIMEOUT, within
from gim.errors import BadRequest, TooManyConnections, Unauthorized
from gim.log.logger import Logger
from gim.model import (
    NOTHING,
    History,
    Joined,
    LoggedIn,
    MemberPage,
    Nothing,
    Sent,
    ServerTime,
    SessionPage,
    Unread,
    Until,
    User,
)
from gim.push.presence import Connection, Login
from gim.wire import requests
from gim.wire.fields import none_if_unset
from gim.wire.packets import Packet
from gim.wire.requests import OPERATIONS, Op


class Client(Protocol):
    """A connection as the operations see it."""

    @property
    def outbound(self) -> Connection:
        """The connection as pushes go to it."""

    login: Login | None  # None before login and after logout
    user: User | None  # as of the last login

    def after_reply(self, call: Callable[[], None]) -> None:
        """Call *call* once the reply to the request under way has been written."""

    def can_write(self) -> bool:
        """Say whether a reply can still be written."""

    def logged_out(self) -> None:
        """Start the timeout of a login again."""

    def logged_in_until(self, expires: float | None) -> None:
        """Close the connection at this Unix time unless it logs in again first; None for no deadline."""

    def token_refused(self) -> None:
        """Count a login with an invalid token."""

    def too_many_connections(self) -> None:
        """Close the connection after the reply: its user has reached the limit of connections."""


# What they cost depends on how much there is to enter, to answer or to end.
DEAR = (Op.LOGIN, Op.LOGOUT, Op.HISTORY, Op.SESSIONS, Op.MEMBERS, Op.LEAVE, Op.DISMISS)

_Handler = Callable[[Client, Any], Awaitable[Struct]]


class Operations:
    """Handles each operation of `gim.wire.requests` in the method ``on_`` plus its name.

    A handler takes the client and the decoded body, and returns the reply's data. All of its calls to the
    storage together take at most `ANSWER_TIMEOUT`; the storage itself sees to that for sends.
    """

    _log = Logger()

    def __init__(self, chat: Chat, moderation: Moderation, clock: IReactorTime) -> None:
        self._chat = chat
        self._moderation = moderation
        self._clock = clock
        # these may start before earlier requests of the same connection have been answered
        self.overlapping = frozenset({Op.SEND.value} if chat.keeps_order else ())
        self.dear = frozenset(op.value for op in DEAR)
        self._handlers: dict[int, _Handler] = {
            op: self._bounded(getattr(self, f"on_{operation.name}"))
            for op, operation in OPERATIONS.items()
        }
        self._handlers[Op.SEND.value] = self.on_send

    def _bounded(self, handler: Callable[[Client, Any], Coroutine[Any, Any, Struct]]) -> _Handler:
        """Return a handler that is refused when it takes too long."""
        return lambda client, body: within(ANSWER_TIMEOUT, self._clock, handler(client, body))

    def perform(self, client: Client, packet: Packet) -> Awaitable[Struct]:
        """Handle a request. The call or the awaitable raises a `GimError` if it is refused."""
        return self._handlers[packet.op](client, packet.body)

    def answered(self, client: Client, size: int) -> None:
        """Count the *size*, in bytes, of a reply that may be long."""
        if client.user is not None:
            self._chat.count_read(client.user.id, size)

    def disconnected(self, client: Client) -> None:
        """Log out a client whose connection has ended."""
        if client.login is not None:
            self._chat.logout(client.login)
            client.login = None

    async def on_login(self, client: Client, body: requests.LoginRequest) -> LoggedIn:
        point, who = _point(body), self._identify(client, body)
        if client.login is not None:
            answer = await self._chat.renew(client.login, who, point)
        else:
            try:
                login, answer = await self._chat.login(client.outbound, who, point)
            except TooManyConnections:
                client.too_many_connections()
                raise
            if not client.can_write():  # the connection ended meanwhile
                self._chat.logout(login)
                return answer
            client.login = login
            client.after_reply(lambda: self._chat.catch_up(login))
            self._log.info("user {user} logged in, {missed} missed", user=body.id, missed=answer.missed)
        client.user = answer.user
        client.logged_in_until(who.expires)
        return answer

    def _identify(self, client: Client, body: requests.LoginRequest) -> Identity:
        try:
            return self._chat.identify(body.id, none_if_unset(body.name), none_if_unset(body.token))
        except Unauthorized:
            client.token_refused()
            raise

    async def on_logout(self, client: Client, body: requests.LogoutRequest) -> Nothing:
        _user(client)
        self.disconnected(client)
        client.logged_out()
        return NOTHING

    async def on_heartbeat(self, client: Client, body: requests.HeartbeatRequest) -> ServerTime:
        _user(client)
        return self._chat.server_time()

    async def on_send(self, client: Client, body: requests.SendRequest) -> Sent:
        sent = self.send(client, body)
        return sent if isinstance(sent, Sent) else await sent

    def send(self, client: Client, body: requests.SendRequest) -> Sent | Awaitable[Sent]:
        """Send a message; return the answer itself if the storage has it at once."""
        login, user = client.login, client.user
        if login is None or user is None:
            raise _not_logged_in()
        return self._chat.send_from(
            login,
            user,
            body.type,
            body.target_id,
            body.content,
            body.category,
            body.request_id,
        )

    async def on_history(self, client: Client, body: requests.HistoryRequest) -> History:
        user_id, before = _user(client).id, none_if_unset(body.message_id)
        return await self._chat.history(user_id, body.session_id, body.count, before)

    async def on_sessions(self, client: Client, body: requests.SessionsRequest) -> SessionPage:
        user_id, kind = _user(client).id, none_if_unset(body.session_type)
        return await self._chat.sessions(user_id, body.count, body.cursor, kind)

    async def on_mark_read(self, client: Client, body: requests.MarkReadRequest) -> Unread:
        return await self._chat.mark_read(_user(client).id, body.session_id, body.message_id)

    async def on_join(self, client: Client, body: requests.JoinRequest) -> Joined:
        return await self._chat.join(_user(client), body.id, body.name)

    async def on_leave(self, client: Client, body: requests.LeaveRequest) -> Nothing:
        await self._chat.leave(_user(client).id, body.id)
        return NOTHING

    async def on_members(self, client: Client, body: requests.MembersRequest) -> MemberPage:
        return await self._chat.members(_user(client).id, body.id, body.count, body.cursor)

    async def on_recall(self, client: Client, body: requests.RecallRequest) -> Nothing:
        await self._moderation.recall(_user(client).id, body.session_id, body.message_id)
        return NOTHING

    async def on_rename(self, client: Client, body: requests.RenameRequest) -> Nothing:
        await self._moderation.rename(_user(client).id, body.id, body.name)
        return NOTHING

    async def on_dismiss(self, client: Client, body: requests.DismissRequest) -> Nothing:
        await self._moderation.dismiss(_user(client).id, body.id)
        return NOTHING

    async def on_remove(self, client: Client, body: requests.RemoveRequest) -> Nothing:
        await self._moderation.remove(_user(client).id, body.id, body.user_id)
        return NOTHING

    async def on_mute(self, client: Client, body: requests.MuteRequest) -> Until:
        return await self._moderation.mute(_user(client).id, body.id, body.user_id, body.seconds)

    async def on_appoint(self, client: Client, body: requests.AppointRequest) -> Nothing:
        await self._moderation.appoint(_user(client).id, body.id, body.user_id, body.role)
        return NOTHING


def _user(client: Client) -> User:
    if client.login is None or client.user is None:
        raise _not_logged_in()
    return client.user


def _not_logged_in() -> Unauthorized:
    return Unauthorized('log in first, for example {"op":101,"body":{"id":"1001"}}')


def _point(body: requests.LoginRequest) -> Point | None:
    since, epoch = none_if_unset(body.since), none_if_unset(body.epoch)
    if since is None and epoch is None:
        return None
    if since is None:
        raise BadRequest("since: missing, but required with epoch")
    if epoch is None:
        raise BadRequest("epoch: missing, but required with since")
    return Point(since, epoch)
