"""The messages of all sessions in one SortedDict, by session and by time of sending.

One shared SortedDict keyed by session id and message id costs some 270 bytes and 3 us an entry, where a
SortedDict for each session costs 2,255 bytes for a session of a single message. Ids sort by time, so
a session's history is one `irange`. The two ids are written into one string, with a character between
them that sorts before all others: comparing two of them touches less memory than comparing two pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush, heapreplace
from itertools import islice

from sortedcontainers import SortedDict

from gim.model import Message
from gim.storage.message_ids import FIRST, LAST

_GAP = "\0"  # no id holds it,
_ABOVE_GAP = "\1"  # nor this


class MessageIndex:
    """All stored messages; *n* below is how many there are.

    Which message is the oldest of all is answered by a heap with one entry a session: the id of a
    message that was its first when the entry was made. First ids only grow, so a stale entry is too
    small and is put right when it comes up.
    """

    def __init__(self) -> None:
        self._by_key: SortedDict[str, Message] = SortedDict()
        self._heads: list[tuple[str, str]] = []  # (first message id or smaller, session id)
        self._useless = 0  # entries of sessions that were dropped as a whole, about

    def __len__(self) -> int:
        return len(self._by_key)

    def add(self, message: Message, first: bool = False) -> None:
        """Store a message that is newer than all of its session; *first* when it is the only one."""
        self._by_key[message.session_id + _GAP + message.id] = message
        if first:
            heappush(self._heads, (message.id, message.session_id))

    def newest_first(self, session_id: str, after: str, before: str = LAST) -> Iterator[Message]:
        """Walk a session backwards, from *before* to *after*, both exclusive. O(log n) to start."""
        return map(self._by_key.__getitem__, self._keys(session_id, after, before, reverse=True))

    def page(self, session_id: str, after: str, before: str, count: int) -> tuple[list[Message], bool]:
        """Return the newest *count* messages between two ids, ascending, and if there are older."""
        found = list(islice(self.newest_first(session_id, after, before), count + 1))
        has_more = len(found) > count
        return found[count - 1 :: -1] if has_more else found[::-1], has_more

    def count_after(self, session_id: str, after: str) -> int:
        """Return how many messages of the session are newer than *after*. O(log n)."""
        end = self._by_key.bisect_right(session_id + _GAP + LAST)
        return int(end - self._by_key.bisect_right(session_id + _GAP + after))

    def has_between(self, session_id: str, after: str, before: str) -> bool:
        """Say whether any message of the session lies between two ids, both exclusive."""
        return next(self._keys(session_id, after, before), None) is not None

    def drop_first(self, session_id: str) -> Message:
        """Remove the oldest message of a session that has several."""
        message: Message = self._by_key.pop(self._first(session_id))
        return message

    def drop_oldest(self, before: str = LAST) -> Message | None:
        """Remove the oldest message of all if its id is below *before*; return it."""
        while self._heads and self._heads[0][0] < before:
            head, session_id = self._heads[0]
            if session_id + _GAP + head in self._by_key:
                return self._drop_head(session_id, head)
            self._put_right(session_id)
        return None

    def _put_right(self, session_id: str) -> None:
        """Replace the stale entry at the top of the heap by the first message of its session."""
        following = next(self._keys(session_id, FIRST, LAST), None)
        if following is None:
            heappop(self._heads)
            self._useless -= 1
        else:
            heapreplace(self._heads, (_message_id(following), session_id))

    def get(self, session_id: str, message_id: str) -> Message | None:
        """Return a message of a session."""
        return self._by_key.get(session_id + _GAP + message_id)

    def first_of(self, session_id: str) -> str | None:
        """Return the id of the oldest message of a session, None if it has none."""
        key = next(self._keys(session_id, FIRST, LAST), None)
        return _message_id(key) if key is not None else None

    def first_after(self, session_id: str) -> tuple[str, str] | None:
        """Return the first session above a session id that has messages, and the oldest of these."""
        key = next(self._by_key.irange(session_id + _ABOVE_GAP), None)
        if key is None:
            return None
        following, _, message_id = key.rpartition(_GAP)
        return following, message_id

    def fill(self, by_key: dict[str, Message], heads: list[tuple[str, str]]) -> None:
        """Hold all these messages, in an index that is empty.

        *by_key* has them in the order of their keys, which begin with `prefix_of` their session; *heads*
        has the id of the oldest message of each session, and the session.
        """
        self._by_key.update(by_key)
        self._heads = heads
        heapify(heads)

    def replace(self, message: Message) -> None:
        """Store a message in the place of one that is there."""
        self._by_key[message.session_id + _GAP + message.id] = message

    def drop_all(self, session_id: str) -> list[Message]:
        """Remove all messages of a session that has any. O(log n) each."""
        messages = [self._by_key.pop(key) for key in list(self._keys(session_id, FIRST, LAST))]
        self._useless += 1
        if 2 * self._useless > len(self._heads):
            self._rebuild()
        return messages

    def _rebuild(self) -> None:
        """Make the heap anew: rare enough to cost O(log n) for each session that was dropped."""
        sessions = {session_id for _, session_id in self._heads}
        firsts = ((next(self._keys(one, FIRST, LAST), None), one) for one in sessions)
        self._heads = [(_message_id(first), one) for first, one in firsts if first is not None]
        heapify(self._heads)
        self._useless = 0

    def _drop_head(self, session_id: str, head: str) -> Message:
        message: Message = self._by_key.pop(session_id + _GAP + head)
        following = next(self._keys(session_id, FIRST, LAST), None)
        if following is None:
            heappop(self._heads)
        else:
            heapreplace(self._heads, (_message_id(following), session_id))
        return message

    def _first(self, session_id: str) -> str:
        """Return the key of the oldest message of a session that has any."""
        return next(self._by_key.irange(session_id + _GAP))

    def _keys(self, session_id: str, after: str, before: str, reverse: bool = False) -> Iterator[str]:
        return self._by_key.irange(
            session_id + _GAP + after,
            session_id + _GAP + before,
            inclusive=(False, False),
            reverse=reverse,
        )


def prefix_of(session_id: str) -> str:
    """Return how the keys of a session begin; the id of the message follows."""
    return session_id + _GAP


def _message_id(key: str) -> str:
    return key.rpartition(_GAP)[2]
