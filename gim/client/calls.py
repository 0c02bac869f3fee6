"""The requests of docs/protocol.md, section 5, as data: an op, a body, and how to read the reply."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from gim.client.events import Gap, Message, message_of
from gim.client.ops import Op

T = TypeVar("T")

Data = Mapping[str, Any]
HISTORY_PAGE = 100  # the largest pages that the server allows
SESSIONS_PAGE = 200
MEMBERS_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Chatroom:
    """A chatroom as the receiver of a message."""

    id: str

    @property
    def session_id(self) -> str:
        return f"1:{self.id}"


@dataclass(frozen=True, slots=True)
class History:
    """Messages in ascending order, and whether there are older ones."""

    items: list[Message]
    has_more: bool


@dataclass(frozen=True, slots=True)
class SessionItem:
    """One line of the list of sessions. ``type`` 1 is a chatroom, 2 a private session."""

    id: str
    type: int
    title: str
    last: Message | None
    unread: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a chatroom; ``role`` is owner, admin or member."""

    id: str
    name: str
    online: bool
    role: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A chatroom that was joined, and how many members it has now."""

    session_id: str
    total: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list; ``cursor`` leads to the next one, "" after the last."""

    items: list[T]
    cursor: str


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how to read the data of its reply."""

    op: Op
    body: dict[str, Any]
    read: Callable[[Data], T]


class Ask(Protocol):
    """Sends a call. Raises `GimError` when it fails."""

    def __call__(self, call: Call[T]) -> Awaitable[T]: ...


def target_of(to: str | Chatroom) -> tuple[int, str]:
    """Return the type of a session and its target, as op 201 takes them."""
    return (1, to.id) if isinstance(to, Chatroom) else (2, to)


def _nothing(data: Data) -> None:
    return None


def history(session: str, before: str | None = None, count: int = 20) -> Call[History]:
    """Read the newest *count* messages, 1 to 100, or those just before an id."""
    body = {"session_id": session, "count": count}
    if before is not None:
        body["message_id"] = before
    return Call(Op.HISTORY, body, _history_of)


def _history_of(data: Data) -> History:
    return History([message_of(each) for each in data["items"]], data["has_more"])


def _page_of(data: Data, read: Callable[[Data], T]) -> Page[T]:
    return Page([read(each) for each in data["items"]], data["cursor"])


def _session_of(item: Data) -> SessionItem:
    last = item["last"] and message_of(item["last"], item["title"])
    return SessionItem(item["id"], item["type"], item["title"], last, item["unread"])


def sessions(type: int | None = None, cursor: str = "") -> Call[Page[SessionItem]]:
    """List sessions, of one type or of both, the newest conversation first."""
    body: dict[str, Any] = {"count": SESSIONS_PAGE, "cursor": cursor}
    if type is not None:
        body["session_type"] = type
    return Call(Op.SESSIONS, body, lambda data: _page_of(data, _session_of))


def _member_of(item: Data) -> Member:
    return Member(item["id"], item["name"], item["online"], item["role"])


def members(room: str, cursor: str = "") -> Call[Page[Member]]:
    """List the members of a chatroom, in order of id."""
    body = {"id": room, "count": MEMBERS_PAGE, "cursor": cursor}
    return Call(Op.MEMBERS, body, lambda data: _page_of(data, _member_of))


def join(room: str, name: str = "") -> Call[Joined]:
    """Join a chatroom, or create it with a name."""
    body = {"id": room, "name": name} if name else {"id": room}
    return Call(Op.JOIN, body, lambda data: Joined(data["session_id"], data["total"]))


def leave(room: str) -> Call[None]:
    return Call(Op.LEAVE, {"id": room}, _nothing)


def read(session: str, message_id: str) -> Call[int]:
    """Mark a session as read up to a message; the result is how many are unread."""
    body = {"session_id": session, "message_id": message_id}
    return Call(Op.MARK_READ, body, lambda data: int(data["unread"]))


def recall(session: str, message_id: str) -> Call[None]:
    return Call(Op.RECALL, {"session_id": session, "message_id": message_id}, _nothing)


def rename(room: str, name: str) -> Call[None]:
    return Call(Op.RENAME, {"id": room, "name": name}, _nothing)


def dismiss(room: str) -> Call[None]:
    return Call(Op.DISMISS, {"id": room}, _nothing)


def remove(room: str, user: str) -> Call[None]:
    return Call(Op.REMOVE, {"id": room, "user_id": user}, _nothing)


def mute(room: str, user: str, seconds: int) -> Call[int]:
    """Mute a member, or end a mute with 0 seconds; the result is its end in Unix milliseconds."""
    body = {"id": room, "user_id": user, "seconds": seconds}
    return Call(Op.MUTE, body, lambda data: int(data["until"]))


def appoint(room: str, user: str, role: str) -> Call[None]:
    return Call(Op.APPOINT, {"id": room, "user_id": user, "role": role}, _nothing)


async def all_sessions(ask: Ask, type: int | None = None) -> list[SessionItem]:
    """Read the whole list. Of a session that moves meanwhile, the line that comes last counts."""
    found: dict[str, SessionItem] = {}
    cursor = ""
    while True:
        page = await ask(sessions(type, cursor))
        found.update({each.id: each for each in page.items})
        cursor = page.cursor
        if not cursor:
            return list(found.values())


async def all_members(ask: Ask, room: str) -> list[Member]:
    """Read the whole list of members."""
    page = await ask(members(room))
    found = page.items
    while page.cursor:
        page = await ask(members(room, page.cursor))
        found += page.items
    return found


async def read_back(ask: Ask, session: str, before: str | None = None) -> AsyncIterator[Message]:
    """Yield the messages of a session, or those before an id, the newest first."""
    more = True
    while more:
        page = await ask(history(session, before, HISTORY_PAGE))
        for message in reversed(page.items):
            yield message
        more = page.has_more and bool(page.items)
        before = page.items[0].id if page.items else None


async def messages_in(ask: Ask, gap: Gap) -> list[Message]:
    """Read what a gap left out, oldest first. Without ``after``, at most ``skipped`` messages, or all."""
    found: list[Message] = []
    async for message in read_back(ask, gap.session_id, gap.before):
        if gap.after is not None and message.id <= gap.after:
            break
        found.append(message)
        if gap.after is None and len(found) == gap.skipped:
            break
    return found[::-1]
