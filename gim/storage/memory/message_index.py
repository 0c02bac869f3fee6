"""The messages of all sessions in one SortedDict of pages, by session and by time of sending.

A page is a list of up to `PAGE_SIZE` messages of one session that follow each other. Its key is the
session id and an id: that of its first message, or of one before that which is gone. Ids sort by time, so
a session's history is one `irange`. The two ids are written into one string, with a character between
them that sorts before all others: comparing two of them touches less memory than comparing two pairs.

In a large store most of what a reader touches is in no cache of the CPU. So a message costs one wait for
memory, as its page names it. With a key for each message it costs four: the key, two places in the dict,
and the message. A page takes some 350 bytes, and 9 for each of its messages.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from heapq import heapify, heappop, heappush, heapreplace
from operator import attrgetter
from typing import TypeAlias

from sortedcontainers import SortedDict

from gim.model import Message
from gim.storage.message_ids import LAST

PAGE_SIZE = 256  # messages: removing the first one moves 2 KiB
TIDIED_AT_A_TIME = 16  # entries of a heap, some 40 us

Page: TypeAlias = list[Message]

_GAP = "\0"  # no id holds it,
_ABOVE_GAP = "\1"  # nor this
_id_of = attrgetter("id")


class MessageIndex:
    """All stored messages; *n* below is how many pages there are.

    All pages of a session are full apart from its first and its newest one. None is empty.

    Which message is the oldest of all is answered by a heap with one entry a session: the id of a
    message that was its first when the entry was made. First ids only grow, so a stale entry is too
    small and is put right when it comes up.
    """

    def __init__(self) -> None:
        self._pages: SortedDict[str, Page] = SortedDict()
        self._count = 0  # messages
        self._heads: list[tuple[str, str]] = []  # (first message id or smaller, session id)
        self._useless = 0  # entries of sessions that were dropped as a whole, about
        self._old_heads: list[tuple[str, str]] = []  # entries of a heap that is being made anew,
        self._tidied: set[str] = set()  # and the sessions that have one in the new heap

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Message]:
        return (message for page in self._pages.values() for message in page)

    def add(self, message: Message, newest: Page | None) -> Page:
        """Store a message that is newer than all of its session; return the page that it is in.

        *newest* is the newest page of the session, None or an empty one if the session has no messages.
        """
        self._count += 1
        if newest and len(newest) < PAGE_SIZE:
            newest.append(message)
            return newest
        page = self._pages[message.session_id + _GAP + message.id] = [message]
        if not newest:
            heappush(self._heads, (message.id, message.session_id))
            if self._old_heads:
                self._tidied.add(message.session_id)
        return page

    def newest_first(self, session_id: str, after: str, before: str = LAST) -> Iterator[Message]:
        """Walk a session backwards, from *before* to *after*, both exclusive. O(log n) to start."""
        for page in self._pages_back(session_id, after, before):
            yield from reversed(newest_between(page, after, before, PAGE_SIZE))

    def page(
        self, session_id: str, newest: Page, after: str, before: str, count: int, is_only: bool = False
    ) -> tuple[list[Message], bool]:
        """Return the newest *count* messages between two ids, ascending, and if there are older.

        *newest* is the newest page of the session. Where it *is_only* one, no other is searched for.
        """
        if is_only or before is LAST or newest[0].id < before:  # it is often all that is needed
            found = newest_between(newest, after, before, count + 1)
            if not is_only and len(found) <= count and newest[0].id > after:
                found = self._older(session_id, after, newest[0].id, count + 1 - len(found)) + found
        else:
            found = self._older(session_id, after, before, count + 1)
        has_more = len(found) > count
        return found[1:] if has_more else found, has_more

    def _older(self, session_id: str, after: str, before: str, count: int) -> list[Message]:
        """Return up to *count* messages between two ids, the newest of them, ascending."""
        found: list[Message] = []
        for page in self._pages_back(session_id, after, before):
            found = newest_between(page, after, before, count - len(found)) + found
            if len(found) == count:
                break
        return found

    def count_after(self, session_id: str, newest: Page, after: str) -> int:
        """Return how many messages of the session are newer than *after*. O(log n).

        *newest* is its newest page.
        """
        if newest[-1].id <= after:
            return 0
        if newest[0].id <= after:
            return len(newest) - bisect_right(newest, after, key=_id_of)
        prefix, pages = session_id + _GAP, self._pages
        first, last = pages.bisect_left(prefix), pages.bisect_right(prefix + LAST) - 1
        begin = max(first, pages.bisect_right(prefix + after) - 1)
        if begin == last:
            return len(newest)
        page = pages.peekitem(begin)[1]
        full = last - begin - 1
        return len(page) - bisect_right(page, after, key=_id_of) + full * PAGE_SIZE + len(newest)

    def has_between(self, session_id: str, after: str, before: str) -> bool:
        """Say whether any message of the session lies between two ids, both exclusive."""
        return next(self.newest_first(session_id, after, before), None) is not None

    def drop_first(self, session_id: str) -> Message:
        """Remove the oldest message of a session that has several."""
        key = self._first_key(session_id)
        assert key is not None
        return self._pop_first(key)

    def _pop_first(self, key: str) -> Message:
        page = self._pages[key]
        message = page.pop(0)
        self._count -= 1
        if not page:
            del self._pages[key]
        return message

    def drop_oldest(self, before: str = LAST) -> Message | None:
        """Remove the oldest message of all if its id is below *before*; return it."""
        while (heads := self._oldest_heads()) and heads[0][0] < before:
            head, session_id = heads[0]
            key = self._first_key(session_id)
            if key is None:
                heappop(heads)
                self._useless -= 1
            elif (first := self._pages[key][0].id) != head:
                heapreplace(heads, (first, session_id))
            else:
                return self._drop_head(heads, session_id, key)
        return None

    def _oldest_heads(self) -> list[tuple[str, str]]:
        """Return the heap with the smallest entry of all on top, or an empty one."""
        new, old = self._heads, self._old_heads
        return old if old and (not new or old[0] < new[0]) else new

    def _drop_head(self, heads: list[tuple[str, str]], session_id: str, key: str) -> Message:
        message = self._pop_first(key)
        following = self.first_of(session_id)
        if following is None:
            heappop(heads)
        else:
            heapreplace(heads, (following, session_id))
        return message

    def get(self, session_id: str, message_id: str) -> Message | None:
        """Return a message of a session."""
        found = self._find(session_id, message_id)
        return found[0][found[1]] if found is not None else None

    def _find(self, session_id: str, message_id: str) -> tuple[Page, int] | None:
        """Return the page of a message, and its place there."""
        prefix = session_id + _GAP
        key = next(self._pages.irange(prefix, prefix + message_id, reverse=True), None)
        if key is None:
            return None
        page: Page = self._pages[key]
        place = bisect_left(page, message_id, key=_id_of)
        return (page, place) if place < len(page) and page[place].id == message_id else None

    def first_of(self, session_id: str) -> str | None:
        """Return the id of the oldest message of a session, None if it has none."""
        key = self._first_key(session_id)
        return self._pages[key][0].id if key is not None else None

    def first_after(self, session_id: str) -> tuple[str, str] | None:
        """Return the first session above a session id that has messages, and the oldest of these."""
        key = next(self._pages.irange(session_id + _ABOVE_GAP), None)
        return (key.rpartition(_GAP)[0], self._pages[key][0].id) if key is not None else None

    def fill(self, pages: dict[str, Page], heads: list[tuple[str, str]]) -> None:
        """Hold all these messages, in an index that is empty.

        *pages* has those of all sessions, in the order of their keys, as `in_pages` makes them; *heads*
        has the id of the oldest message of each session, and the session.
        """
        self._pages.update(pages)
        self._count = sum(map(len, pages.values()))
        self._heads = heads
        heapify(heads)

    def replace(self, message: Message) -> None:
        """Store a message in the place of one that is there."""
        found = self._find(message.session_id, message.id)
        assert found is not None
        page, place = found
        page[place] = message

    def drop_page(self, session_id: str) -> Page:
        """Remove the oldest page of a session that has any; return it. O(log n)."""
        key = self._first_key(session_id)
        assert key is not None
        page: Page = self._pages.pop(key)
        self._count -= len(page)
        if self._first_key(session_id) is None:
            self._useless += 1
            self._tidy()
        return page

    def _tidy(self) -> None:
        """Make the heap anew without what is useless, some entries whenever a session is dropped."""
        if not self._old_heads and 2 * self._useless > len(self._heads):
            self._old_heads, self._heads = self._heads, []
        for _ in range(min(TIDIED_AT_A_TIME, len(self._old_heads))):
            _, session_id = self._old_heads.pop()  # the last one of a heap leaves a heap
            first = self.first_of(session_id)
            if first is None or session_id in self._tidied:
                self._useless -= 1
            else:
                self._tidied.add(session_id)
                heappush(self._heads, (first, session_id))
        if not self._old_heads:
            self._tidied.clear()

    def _first_key(self, session_id: str) -> str | None:
        """Return the key of the first page of a session, None if it has none."""
        prefix = session_id + _GAP
        return next(self._pages.irange(prefix, prefix + LAST), None)

    def _pages_back(self, session_id: str, after: str, before: str) -> Iterator[Page]:
        """Yield the pages that may hold messages between two ids, the newest first."""
        prefix, pages = session_id + _GAP, self._pages
        for key in pages.irange(prefix, prefix + before, reverse=True):
            page = pages[key]
            yield page
            if page[0].id <= after:
                return


def in_pages(session_id: str, messages: list[Message]) -> dict[str, Page]:
    """Return all messages of a session, which are in the order of their ids, in pages."""
    prefix, starts = session_id + _GAP, range(0, len(messages), PAGE_SIZE)
    return {prefix + messages[start].id: messages[start : start + PAGE_SIZE] for start in starts}


def newest_between(page: Page, after: str, before: str, count: int) -> list[Message]:
    """Return the newest *count* messages of a page between two ids, both exclusive.

    Each message whose id is compared here is one more wait for memory, so few are.
    """
    end = len(page)
    if before is not LAST and page[-1].id >= before:
        end = bisect_left(page, before, key=_id_of)
    found = page[max(0, end - count) : end]
    if found and found[0].id <= after:
        del found[: bisect_right(found, after, key=_id_of)]
    return found
