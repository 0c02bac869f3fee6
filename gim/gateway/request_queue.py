"""A connection's requests: one after the other or overlapping, and their replies in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gim.log.logger import TRACE

_Work = Coroutine[Deferred[Any], Any, bytes]

MAX_WAITING = 64  # requests of one connection that wait before it is read no more
AT_ONCE = 16  # requests of one connection that overlap, at most


class _Begun:
    """A request under way, or one that has ended before those in front of it."""

    __slots__ = ("reply",)
    reply: bytes | None

    def __init__(self, reply: bytes | None = None) -> None:
        self.reply = reply


class RequestQueue:
    """Runs coroutines that return a reply and never raise, and writes their replies in their order.

    Each begins when the one before has ended, but those that may overlap begin while only such are
    under way: they share round trips to the storage, and their replies a write.

    A coroutine that never waits is run to its end by `add`, which costs 0.2 us where a Deferred
    around it would cost 2. What they log bears the connection's trace id.
    """

    __slots__ = (
        "_begun",
        "_held",
        "_is_overlapping",
        "_is_paused",
        "_trace",
        "_transport",
        "_waiting",
        "_write",
    )

    def __init__(self, transport: Any, trace: str, write: Callable[[bytes], None]) -> None:
        self._transport = transport
        self._trace = trace
        self._write = write
        self._begun: deque[_Begun] | None = None  # made when they are needed first, like this one:
        self._waiting: deque[tuple[_Work, bool]] | None = None
        self._is_overlapping = False  # all that are under way may
        self._held = False
        self._is_paused = False

    def add(self, work: _Work, may_overlap: bool = False) -> None:
        """Run *work* as soon as it may; when too much waits, the transport reads no more."""
        if not self._waiting and self._may_begin(may_overlap):
            self._begin(work, may_overlap)
            return
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append((work, may_overlap))
        if len(self._waiting) == MAX_WAITING:
            self._is_paused = True
            self._transport.pauseProducing()

    def hold(self) -> None:
        """Begin no other request until `release`."""
        self._held = True

    def release(self) -> None:
        """Go on with what waits."""
        self._held = False
        self._next()

    def stop(self) -> None:
        """Drop what waits; what is under way ends by itself."""
        if self._waiting is not None:
            for work, _ in self._waiting:
                work.close()
            self._waiting = None
        self._is_paused = False

    def _may_begin(self, may_overlap: bool) -> bool:
        if self._held:
            return False
        if not self._begun:
            return True
        return may_overlap and self._is_overlapping and len(self._begun) < AT_ONCE

    def _begin(self, work: _Work, may_overlap: bool) -> None:
        if not self._begun:
            self._is_overlapping = may_overlap
        self._run(work, None, None)

    def _run(self, work: _Work, begun: _Begun | None, result: object) -> None:
        """Run *work* until it waits or ends; *result* is what it waited for."""
        token = TRACE.set(self._trace)
        try:
            if isinstance(result, Failure):
                pending = work.throw(cast(BaseException, result.value))
            else:
                pending = work.send(result)
        except StopIteration as end:
            self._ended(begun, end.value)
            return
        finally:
            TRACE.reset(token)
        if begun is None:
            begun = self._queue(_Begun())
        pending.addBoth(self._woken, work, begun)

    def _queue(self, begun: _Begun) -> _Begun:
        if self._begun is None:
            self._begun = deque()
        self._begun.append(begun)
        return begun

    def _ended(self, begun: _Begun | None, reply: bytes) -> None:
        """Write a reply, now or after those of the requests before."""
        if begun is not None:
            begun.reply = reply
        elif self._begun:
            self._queue(_Begun(reply))
        else:
            self._write(reply)
            return
        while self._begun and (first := self._begun[0].reply) is not None:
            self._begun.popleft()
            self._write(first)

    def _woken(self, result: object, work: _Work, begun: _Begun) -> None:
        self._run(work, begun, result)
        self._next()

    def _next(self) -> None:
        while self._waiting and self._may_begin(self._waiting[0][1]):
            self._begin(*self._waiting.popleft())
            self._maybe_resume()

    def _maybe_resume(self) -> None:
        waiting = len(self._waiting) if self._waiting is not None else 0
        if self._is_paused and waiting <= MAX_WAITING // 2:
            self._is_paused = False
            self._transport.resumeProducing()
