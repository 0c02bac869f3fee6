"""The client for asyncio: ``pip install 'gim[client]'``. docs/clients.md shows it at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from ssl import SSLContext
from typing import Any, Self, TypeVar

from gim.client import calls
from gim.client.asyncio_driver import AsyncioDriver, TokenFunction
from gim.client.calls import Call, Chatroom, History, Joined, Member, SessionItem
from gim.client.events import Event, Gap, Message, Sent, StateName, User
from gim.client.outbox import Entry
from gim.client.outcome import Ended, GimError
from gim.client.settings import ASK, Fill, Settings
from gim.client.store import Store

T = TypeVar("T")


class Pending:
    """A message on its way. Await it for the `Sent`; it raises `GimError` when it was not sent."""

    def __init__(self, client: Client, to: str | Chatroom, content: str, category: str) -> None:
        self._client = client
        self._message = (to, content, category)
        self.request_id = ""
        self.future: asyncio.Future[Sent] = asyncio.get_running_loop().create_future()

    def __await__(self) -> Generator[Any, None, Sent]:
        return asyncio.shield(self.future).__await__()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.future.done()

    def cancel(self) -> bool:
        """Take it back; False when it was written already, or has ended."""
        return self._client.cancel(self.request_id)

    def retry(self) -> Pending:
        """Send the same once more, as a new message."""
        return self._client.post(*self._message)


class Client:
    """One user at one server. Use it as an async context manager, or call `connect` and `close`.

    *token* is a text, or an async function that returns one; when it returns None, the client is closed.
    *store* keeps the state between two runs. ``outbox_age`` is in seconds. All methods that wait for a
    reply raise `GimError` when the request is refused or there is no connection.
    """

    def __init__(
        self,
        url: str,
        *,
        id: str,
        name: str | None = None,
        token: str | TokenFunction | None = None,
        store: Store | None = None,
        fill: Fill = "newest",
        outbox_limit: int = 1000,
        outbox_age: float = 3600.0,
        ssl: SSLContext | None = None,
    ) -> None:
        """*ssl* names the authorities to trust at wss://; without it they are the system's."""
        settings = Settings(
            id=id,
            name=name,
            token=ASK if callable(token) else token,
            fill=fill,
            outbox_limit=outbox_limit,
            outbox_age=outbox_age,
            stores=store is not None,
        )
        self._driver = AsyncioDriver(
            url, ssl, settings, token if callable(token) else None, store, self._take_end
        )
        self._core = self._driver.core
        self._replies: dict[int | str, asyncio.Future[Any]] = {}  # by number, or request_id
        self._was_connected = False  # or at least tried to

    # The connection

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:  # such as a timeout around it
            await self.close()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @property
    def state(self) -> StateName:
        return self._core.state

    @property
    def user(self) -> User | None:
        """The user as the server knows it since the last login; None before the first one."""
        return self._core.user

    async def connect(self) -> User:
        """Wait for the first login. Raises `GimError` when the client is closed instead."""
        self._was_connected = True
        self._driver.do(self._core.connect)
        while self._core.state != "online" or self._core.user is None:
            if self._core.state == "closed":
                change = self._core.last_change
                raise GimError(change.code or "closed", change.reason or "the client is closed")
            await self._driver.happens()
        return self._core.user

    async def close(self) -> None:
        """Disconnect, and wait until the socket is closed. Sends without an answer become uncertain."""
        self._driver.do(self._core.close)
        await self._driver.closed()

    def wake(self) -> None:
        """Find out now whether the connection lives, such as after the machine has slept."""
        self._driver.do(self._core.wake)

    def save(self) -> None:
        """Hand the state to the store now, instead of within a second."""
        self._driver.do(self._core.save)

    async def events(self) -> AsyncIterator[Event]:
        """Yield what happens, until the client is closed. An event goes to one of the loops only."""
        while True:
            event = self._core.next_event()
            if event is not None:
                yield event
            elif self._was_connected and self._core.state == "closed":
                return
            else:
                await self._driver.happens()

    # Sending

    def post(self, to: str | Chatroom, content: str, category: str = "text") -> Pending:
        """Put a message into the outbox, also while there is no connection."""
        pending = Pending(self, to, content, category)
        type, target = calls.target_of(to)

        def send(now: float) -> None:
            pending.request_id = self._core.send(type, target, content, category, now)
            self._replies[pending.request_id] = pending.future

        self._driver.do(send)
        return pending

    async def send(self, to: str | Chatroom, content: str, category: str = "text") -> Sent:
        """Send a message, and wait until it is stored."""
        return await self.post(to, content, category)

    def cancel(self, request_id: str) -> bool:
        """Take a message back; False when it was written already, or has ended."""
        return self._driver.do(lambda now: self._core.cancel(request_id, now))

    def unsent(self, to: str | Chatroom | None = None) -> list[Entry]:
        """Return the outbox in order, or what of it goes to a user or a chatroom."""
        return self._core.unsent(None if to is None else calls.target_of(to))

    # Requests

    async def call(self, call: Call[T]) -> T:
        """Send one of the requests of `gim.client.calls`."""
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        def request(now: float) -> None:
            self._replies[self._core.request(call.op, call.body, now)] = future

        self._driver.do(request)
        return call.read(await future)

    def _take_end(self, end: Ended) -> None:
        future = self._replies.pop(end.key, None)
        if future is None or future.done():
            return
        if isinstance(end.result, GimError):
            future.set_exception(end.result)
            future.exception()  # nothing is logged when the application does not wait for it
        else:
            future.set_result(end.result)

    async def history(self, session: str, before: str | None = None, count: int = 20) -> History:
        """Read the newest *count* messages, 1 to 100, or those just before an id."""
        return await self.call(calls.history(session, before, count))

    def all(self, session: str) -> AsyncIterator[Message]:
        """Yield all messages of a session, the newest first."""
        return calls.read_back(self.call, session)

    async def fill(self, gap: Gap) -> list[Message]:
        """Read what a gap left out, oldest first."""
        return await calls.messages_in(self.call, gap)

    async def sessions(self, type: int | None = None) -> list[SessionItem]:
        """List the sessions of a type, 1 for chatrooms, 2 for private ones, or all."""
        return await calls.all_sessions(self.call, type)

    async def join(self, room: str, name: str = "") -> Joined:
        """Join a chatroom, or create it with a name."""
        return await self.call(calls.join(room, name))

    async def leave(self, room: str) -> None:
        await self.call(calls.leave(room))

    async def members(self, room: str) -> list[Member]:
        return await calls.all_members(self.call, room)

    async def read(self, session: str, message_id: str) -> int:
        """Mark a session as read up to a message; return how many are unread."""
        return await self.call(calls.read(session, message_id))

    async def recall(self, session: str, message_id: str) -> None:
        await self.call(calls.recall(session, message_id))

    async def rename(self, room: str, name: str) -> None:
        await self.call(calls.rename(room, name))

    async def dismiss(self, room: str) -> None:
        await self.call(calls.dismiss(room))

    async def remove(self, room: str, user: str) -> None:
        await self.call(calls.remove(room, user))

    async def mute(self, room: str, user: str, seconds: int) -> int:
        """Mute a member, or end a mute with 0; return its end in Unix milliseconds."""
        return await self.call(calls.mute(room, user, seconds))

    async def appoint(self, room: str, user: str, role: str) -> None:
        """Make a member ``owner``, ``admin`` or ``member``."""
        await self.call(calls.appoint(room, user, role))
