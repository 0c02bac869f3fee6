"""How many bytes of replies a node asks of one server at a time, and which read comes next."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred

from gim.errors import Unavailable

# Redis ends a connection with subscriptions when 32 MB of replies wait for it, or 8 MB for 60 s: its
# default of client-output-buffer-limit. Half of the lower limit is left to announcements.
MAX_REPLY_BYTES = 4 * 2**20
MIN_REPLY_BYTES = 512  # what the smallest reply counts for, so that commands are bounded too
MAX_WAITING = 50_000  # reads that wait until they may ask


class Reader(Protocol):
    """An operation that reads, in one call or many."""

    reader: str  # the user it reads for
    number: int  # rises with each operation
    is_long: bool  # it has asked for so much already that short ones do not wait behind it


class _Waiting:
    """A read that waits: it may ask for *size* bytes once *granted* fires."""

    __slots__ = ("granted", "size")

    def __init__(self, size: int, cancelled: Callable[[Deferred[None]], None]) -> None:
        self.size = size
        self.granted: Deferred[None] = Deferred(cancelled)


class _ShortReads:
    """Reads of operations that are short so far, in turn for each user."""

    def __init__(self) -> None:
        self._readers: OrderedDict[str, deque[_Waiting]] = OrderedDict()

    def push(self, reader: Reader, waiting: _Waiting) -> None:
        self._readers.setdefault(reader.reader, deque()).append(waiting)

    def first(self) -> _Waiting | None:
        return next(iter(self._readers.values()))[0] if self._readers else None

    def pop(self) -> None:
        reader, reads = self._readers.popitem(last=False)
        reads.popleft()
        if reads:
            self._readers[reader] = reads  # behind all others


class _LongReads:
    """Reads of long operations. The operation that began first is served first: if all took turns, none
    would end in time."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, _Waiting]] = []
        self._pushed = count()

    def push(self, reader: Reader, waiting: _Waiting) -> None:
        heappush(self._heap, (reader.number, next(self._pushed), waiting))

    def first(self) -> _Waiting | None:
        return self._heap[0][2] if self._heap else None

    def pop(self) -> None:
        heappop(self._heap)


class ReplyBudget:
    """Lets reads ask one server for at most `MAX_REPLY_BYTES` of replies at a time.

    A read counts as many bytes as its reply may have at most. Short and long operations are served
    alternately while both wait; a read that does not fit yet keeps the reads behind it waiting. A read of
    more than `MAX_REPLY_BYTES` is served alone. A read costs 0.3 us while nothing waits.
    """

    def __init__(self) -> None:
        self._most = MAX_REPLY_BYTES
        self._taken = 0
        self._short, self._long = _ShortReads(), _LongReads()
        self._waiting = 0
        self._is_turn_of_long = False
        self._is_serving = False

    def take(self, reader: Reader, size: int) -> Deferred[None] | None:
        """Take *size* bytes: at once, or when the Deferred that is returned fires.

        A Deferred that is cancelled takes nothing. Raises `Unavailable` if too many wait already.
        """
        if not self._waiting and self._fits(size):
            self._taken += size
            return None
        if self._waiting >= MAX_WAITING:
            raise Unavailable("too many requests wait for the storage: try again in a moment")
        waiting = _Waiting(size, self._cancelled)
        (self._long if reader.is_long else self._short).push(reader, waiting)
        self._waiting += 1
        return waiting.granted

    def give_back(self, size: int) -> None:
        """Give back what was taken: the reply is here, or will not come."""
        self._taken -= size
        self._serve()

    def _fits(self, size: int) -> bool:
        return not self._taken or self._taken + size <= self._most

    def _cancelled(self, granted: Deferred[None]) -> None:
        granted.errback(CancelledError())
        self._serve()  # maybe the one behind it fits

    def _serve(self) -> None:
        """Serve the reads whose turn it is. A read may call `give_back` at once, before this returns."""
        if self._is_serving:
            return
        self._is_serving = True
        try:
            while self._serve_next():
                pass
        finally:
            self._is_serving = False

    def _serve_next(self) -> bool:
        """Serve one read; return whether another one may follow."""
        queue = self._queue()
        waiting = queue.first()
        if waiting is None or not (waiting.granted.called or self._fits(waiting.size)):
            return False
        queue.pop()
        self._waiting -= 1
        if not waiting.granted.called:  # else it was cancelled
            self._is_turn_of_long = queue is self._short
            self._taken += waiting.size
            waiting.granted.callback(None)
        return True

    def _queue(self) -> _ShortReads | _LongReads:
        if self._is_turn_of_long:
            return self._long if self._long.first() is not None else self._short
        return self._short if self._short.first() is not None else self._long
