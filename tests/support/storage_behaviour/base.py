"""The base of the behaviour tests of storages: hooks to fill in, and helpers for steps."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from gim.errors import GimError
from gim.ids import Session, chatroom_session, private_session
from gim.model import ConnectionState, Counts, Message, Sent, SessionItem, User
from gim.storage.announcements import Announcement, ConnectionCommand
from gim.storage.interface import Draft, Entrance, Entry, Position, Storage
from gim.storage.message_ids import FIRST, LAST

ANCIENT, FUTURE = FIRST, LAST  # well-formed message ids before and after every one that is made
AB = private_session("ann", "bob")
ROOM = chatroom_session("room")

Refusal = TypeVar("Refusal", bound=GimError)


class RecordingListener:
    """Keeps what a storage announces, and answers for a node."""

    def __init__(self, store: Storage | None = None) -> None:
        self.store = store
        self.news: list[Any] = []  # of `Announcement`
        self.connections: list[ConnectionState] = []

    def on_announcement(self, news: Announcement) -> None:
        self.news.append(news)
        if isinstance(news, ConnectionCommand) and self.store is not None:
            self.store.nodes.reply_to_command(news, self.connections)

    def counts(self) -> Counts:
        return Counts(connections=3, users=2, chatrooms=1)


if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as MixedIn  # what the behaviour is mixed into
else:
    MixedIn = object


class StorageCase(MixedIn):
    """The hooks that the TestCase of one implementation fills in."""

    news: list[Any]  # of `Announcement`: what the store has announced since it was made
    listener: RecordingListener  # whom it was announced to

    async def make_store(self, **limits: Any) -> Storage:
        """Return a started store without data.

        The limits are max_session_messages, max_messages, ttl in seconds, and sequences; those left
        out are so large that no test reaches them.
        """
        raise NotImplementedError

    async def advance(self, seconds: float) -> None:
        """Move the store's clock, back when *seconds* is negative."""
        raise NotImplementedError

    async def let_be_forgotten(self) -> None:
        """Let the time go by after which the store forgets users whom nothing refers to."""
        raise NotImplementedError

    async def lose_data(self, store: Storage) -> Storage:
        """Let all data be lost; return the store that serves from now on."""
        raise NotImplementedError

    async def settle(self) -> None:
        """Return when all that the store may do a little later is done, announcing included."""

    async def refusal(self, kind: type[Refusal], asking: Awaitable[Any]) -> Refusal:
        """Return the refusal that a question ends in."""
        try:
            answer = await asking
        except kind as error:
            return error
        raise AssertionError(f"no {kind.__name__}, but {answer!r}")


def user(user_id: str) -> User:
    return User(user_id, user_id)


def private(sender: str, receiver: str, content: str = "hi", **more: Any) -> Draft:
    return Draft(private_session(sender, receiver), user(sender), content, **more)


def posted(chatroom_id: str, sender: str, content: str = "hi", **more: Any) -> Draft:
    return Draft(chatroom_session(chatroom_id), user(sender), content, **more)


async def enter(store: Storage, user_id: str, name: str | None = None) -> Entrance:
    """Log a connection of a user in."""
    return await store.users.enter(Entry(user_id, name, limit=1000), lambda chatroom_ids: None)


async def send(store: Storage, *drafts: Draft) -> list[Sent]:
    return [await store.messages.append(draft) for draft in drafts]


async def join(store: Storage, chatroom_id: str, *user_ids: str) -> None:
    for user_id in user_ids:
        await store.chatrooms.join(chatroom_id, user(user_id), "")


async def messages_of(
    store: Storage, session: Session, reader: str = "ann", before: str | None = None, count: int = 100
) -> list[Message]:
    messages, _has_more = await store.messages.history(session, reader, before, count)
    return messages


async def contents_of(store: Storage, session: Session, reader: str = "ann") -> list[str]:
    return contents(await messages_of(store, session, reader))


def contents(messages: Iterable[Message]) -> list[str]:
    return [message.content for message in messages]


async def sessions_of(
    store: Storage, user_id: str, kind: int | None = None, after: Position | None = None
) -> list[SessionItem]:
    items, _following = await store.messages.sessions(user_id, kind, after, 200)
    return items


async def listed(store: Storage, user_id: str, kind: int | None = None) -> list[str]:
    return [item.id for item in await sessions_of(store, user_id, kind)]


async def line_of(store: Storage, user_id: str, session: Session) -> SessionItem:
    """Return the session as the user's list shows it."""
    (line,) = (item for item in await sessions_of(store, user_id) if item.id == session.id)
    return line


async def unread_of(store: Storage, user_id: str, session: Session) -> int:
    return (await line_of(store, user_id, session)).unread
