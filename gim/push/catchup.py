"""Catching up: the private messages that a connection missed, at the pace of its socket."""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from gim.ids import PRIVATE
from gim.model import Message, MessageStatus, Push, SessionHead
from gim.storage.interface import LaterMessages

MAX_MISSED = 1000  # messages that one login catches up on
PER_PUSH = 100  # messages of one push at most
MAX_PUSH_CONTENT = 128 * 1024  # characters of content after which a push takes no other message
ANNOUNCED_WITHIN_MS = 310_000  # between storing and announcing, at most, retries of a storage included
PUSH_OVERHEAD = 400  # bytes of a push of one message, without its content


class CatchUp:
    """What waits for one connection: missed messages, oldest first, and new pushes after them."""

    __slots__ = ("_held", "_held_size", "_later", "_missed", "_recalled", "_titles", "recent")

    def __init__(self) -> None:
        self._missed: deque[Message] = deque()
        self._later: LaterMessages | None = None  # those after `_missed`
        self._titles: dict[str, str] = {}
        self._held: deque[Push] = deque()
        self._held_size = 0
        self.recent: frozenset[str] = frozenset()  # ids of missed messages that may still be announced
        self._recalled: tuple[str, ...] = ()  # ids of messages recalled before they were here

    def begin(
        self, messages: list[Message], titles: dict[str, str], later: LaterMessages | None = None
    ) -> None:
        """Take the missed messages. One that was also announced meanwhile is pushed once."""
        if not messages and later is None:
            return
        self._titles, self._later = titles, later
        self._take(messages)
        created = {message.id: message.created_at for message in messages}
        if later is not None:
            created |= {message_id: _time_of(message_id) for message_id in later.ids}
        if created:
            begin = max(created.values()) - ANNOUNCED_WITHIN_MS
            self.recent = frozenset(one for one, created_at in created.items() if created_at >= begin)
        self._held = deque(push for push in self._held if push.items[0].id not in created)

    def _take(self, messages: list[Message]) -> None:
        for message_id in self._recalled:  # the messages may have been read before the recall
            messages = [recalled(message, message_id) for message in messages]
        self._missed.extend(messages)

    @property
    def is_done(self) -> bool:
        """Whether nothing waits."""
        return not self._missed and not self._held and self._later is None

    @property
    def needs_more(self) -> bool:
        """Whether `read_more` must come before `next`."""
        return not self._missed and self._later is not None

    async def read_more(self) -> None:
        """Read the next of the missed messages. After `Unavailable` it may be repeated."""
        assert self._later is not None
        messages = await self._later.read()
        if not messages:
            self._later = None
        self._take(messages)

    def hold(self, push: Push) -> int:
        """Keep a new push until the missed messages are written; return how many bytes are kept."""
        if push.items[0].id not in self.recent:
            self._held.append(push)
            self._held_size += _size(push)
        return self._held_size

    def recall(self, message_id: str) -> None:
        """Replace a message that waits by its stub: it was recalled."""
        if not self._missed or self._later is not None:
            self._recalled += (message_id,)
        self._missed = deque(recalled(message, message_id) for message in self._missed)
        for at, push in enumerate(self._held):
            if push.items[0].id == message_id:
                self._held_size -= _size(push)
                self._held[at] = Push(push.session, [recalled(push.items[0], message_id)])
                self._held_size += _size(self._held[at])

    def next(self) -> list[Push]:
        """Return what to write next: a run of missed messages of one session, then the pushes held back.

        Returns nothing at the end.
        """
        if self._missed:
            return [self._next_missed()]
        pushes = [self._held.popleft() for _ in range(min(PER_PUSH, len(self._held)))]
        self._held_size -= sum(map(_size, pushes))
        return pushes

    def _next_missed(self) -> Push:
        session_id = self._missed[0].session_id
        items, size = [], 0
        while self._missed and self._missed[0].session_id == session_id:
            items.append(self._missed.popleft())
            size += len(items[-1].content)
            if len(items) == PER_PUSH or size >= MAX_PUSH_CONTENT:
                break
        return Push(SessionHead(session_id, PRIVATE, self._titles[session_id]), items)


def recalled(message: Message, message_id: str) -> Message:
    """Return a message, or its stub if it has this id."""
    if message.id != message_id:
        return message
    return replace(message, content="", status=MessageStatus.RECALLED)


def _time_of(message_id: str) -> int:
    """Return the time within an id, in Unix ms."""
    return int(message_id[:12], 16)


def _size(push: Push) -> int:
    """Return about how many bytes the push of one new message will be."""
    return PUSH_OVERHEAD + len(push.items[0].content)
