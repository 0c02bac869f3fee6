"""Catching up: the private messages a connection missed, at the pace of its socket."""

from __future__ import annotations

from collections import deque
from itertools import islice, takewhile

from msgspec.structs import replace

from gim.ids import PRIVATE
from gim.model import Message, MessageStatus, Push, SessionHead

LIMIT = 1000  # messages that one login catches up on at most
PER_PUSH = 100  # messages of one push at most
ANNOUNCED_WITHIN = 310_000  # ms between storing and announcing, at most, repairs of a storage included
OVERHEAD = 400  # bytes of a push of one message, beside its content


class CatchUp:
    """What waits for one connection: missed messages oldest first, and new pushes behind them."""

    __slots__ = ("_held", "_held_size", "_missed", "_recalled", "_titles", "recent")

    def __init__(self) -> None:
        self._missed: deque[Message] = deque()
        self._titles: dict[str, str] = {}
        self._held: deque[Push] = deque()
        self._held_size = 0
        self.recent: frozenset[str] = frozenset()  # ids of missed messages that may be announced yet
        self._recalled: tuple[str, ...] = ()  # messages, before `begin`

    def begin(self, messages: list[Message], titles: dict[str, str]) -> None:
        """Take what was missed. A message that came by as new in the meantime is pushed once."""
        self._missed.extend(messages)
        for message_id in self._recalled:  # they were looked up before
            self.recall(message_id)
        self._titles = titles
        known = {message.id for message in messages}
        if messages:
            begin = messages[-1].created_at - ANNOUNCED_WITHIN
            self.recent = frozenset(message.id for message in messages if message.created_at >= begin)
        self._held = deque(push for push in self._held if push.items[0].id not in known)

    def hold(self, push: Push) -> int:
        """Keep a new push until what was missed has been written; return how many bytes are kept."""
        if push.items[0].id not in self.recent:
            self._held.append(push)
            self._held_size += _size(push)
        return self._held_size

    def recall(self, message_id: str) -> None:
        """Leave a stub of a message that was recalled before its turn came."""
        if not self._missed:
            self._recalled += (message_id,)
        self._missed = deque(recalled(message, message_id) for message in self._missed)
        for at, push in enumerate(self._held):
            if push.items[0].id == message_id:
                self._held_size -= _size(push)
                self._held[at] = Push(push.session, [recalled(push.items[0], message_id)])
                self._held_size += _size(self._held[at])

    def next(self) -> list[Push]:
        """Return what to write next, nothing at the end: the oldest missed messages that follow each
        other in one session, or when there are none any more, what was held back."""
        if self._missed:
            return [self._next_missed()]
        pushes = [self._held.popleft() for _ in range(min(PER_PUSH, len(self._held)))]
        self._held_size -= sum(map(_size, pushes))
        return pushes

    def _next_missed(self) -> Push:
        session_id = self._missed[0].session_id
        run = takewhile(lambda message: message.session_id == session_id, self._missed)
        items = list(islice(run, PER_PUSH))
        for _ in items:
            self._missed.popleft()
        return Push(SessionHead(session_id, PRIVATE, self._titles[session_id]), items)


def recalled(message: Message, message_id: str) -> Message:
    """Return a message, or its stub if it is the one recalled."""
    if message.id != message_id:
        return message
    return replace(message, content="", status=MessageStatus.RECALLED)


def _size(push: Push) -> int:
    """Return about how many bytes the push of one new message will be."""
    return OVERHEAD + len(push.items[0].content)
