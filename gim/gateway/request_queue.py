"""A connection's requests: run one after the other or overlapping, with their replies in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gim.concurrency.turns import TURN, Turns
from gim.log.logger import TRACE

_Work = Coroutine[Deferred[Any], Any, bytes]

MAX_WAITING = 64  # requests of one connection that wait until its transport is paused
MAX_OVERLAPPING = 16  # requests of one connection under way at a time
REQUESTS_PER_LOOK = 16  # cheap requests between two looks at the clock, some 0.4 ms

_BY_READER, _BY_TURN = 1, 2  # why no request may start


class _Started:
    """A request under way, or one that ended before an earlier one. ``reply`` is None until it ends."""

    __slots__ = ("reply",)
    reply: bytes | None

    def __init__(self, reply: bytes | None = None) -> None:
        self.reply = reply


class RequestQueue:
    """Runs coroutines, each of which returns a reply and never raises; writes the replies in order.

    A request starts when the one before it has ended. One that may overlap also starts while only such
    requests are under way: they share round trips to the storage, and their replies share a write.

    `add` runs a coroutine that never waits to its end, which costs 0.2 us; a Deferred around it would
    cost 2 us. Log lines of the coroutines carry the connection's trace id.

    A request that may be dear starts in the turn of its client only, and goes on in it when it has
    waited for the storage: see `gim.concurrency.turns`.
    """

    __slots__ = (
        "_client",
        "_held",
        "_is_dear",
        "_is_overlapping",
        "_is_paused",
        "_resumption",
        "_started",
        "_trace",
        "_transport",
        "_turns",
        "_waiting",
        "_write",
    )

    def __init__(
        self,
        transport: Any,
        trace: str,
        write: Callable[[bytes], None],
        turns: Turns,
        client: Callable[[], str],
    ) -> None:
        """*client* returns which client the connection is of, for its turns."""
        self._turns = turns
        self._client = client
        self._transport = transport
        self._trace = trace
        self._write = write
        self._started: deque[_Started] | None = None  # made on first use, as is `_waiting`
        self._waiting: deque[tuple[_Work, bool, bool]] | None = None  # work, may overlap, is dear
        self._is_overlapping = False  # all requests under way may overlap
        self._is_dear = False  # so is the request under way
        self._resumption: tuple[_Work, _Started, object] | None = None  # what waits for its turn
        self._held = 0
        self._is_paused = False

    def add(self, work: _Work, may_overlap: bool = False) -> None:
        """Run *work* as soon as it may start; if too many requests wait, pause the transport."""
        if not self._waiting and self._may_start(may_overlap):
            self._start(work, may_overlap)
        else:
            self._wait(work, may_overlap, False)

    def is_idle(self) -> bool:
        """Say whether a request would start at once, and its reply be the next one."""
        return not (self._started or self._waiting or self._held)

    def add_dear(self, work: _Work) -> None:
        """Run *work*, which may take long, in the turn of the client."""
        if self._waiting or not self._may_start(False):
            self._wait(work, False, True)
        elif self._turns.is_over():
            self._wait(work, False, True)
            self.yield_turn()
        else:
            self._turns.run(self._start_dear, work)

    def _wait(self, work: _Work, may_overlap: bool, is_dear: bool) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append((work, may_overlap, is_dear))
        if len(self._waiting) == MAX_WAITING:
            self._is_paused = True
            self._transport.pauseProducing()

    def hold(self) -> None:
        """Start no other request until `release`."""
        self._held |= _BY_READER

    def release(self) -> None:
        """Start waiting requests again."""
        self._held &= ~_BY_READER
        self._start_next()

    def yield_turn(self) -> None:
        """Start no other request until the next turn of the client."""
        if not self._held & _BY_TURN:
            self._held |= _BY_TURN
            self._turns.wait(self._client(), self)

    def take_turn(self) -> None:
        """See `gim.concurrency.turns.Waiting`."""
        self._held &= ~_BY_TURN
        if self._resumption is not None:
            resumption, self._resumption = self._resumption, None
            self._run_dear(*resumption)
            if self._waiting:
                self.yield_turn()
        elif self._waiting and self._waiting[0][2] and self._may_start(False):
            work, _, _ = self._waiting.popleft()
            if not self._waiting:
                self._waiting = None  # 600 bytes, which a connection that waited to log in needs no more
            self._start_dear(work)
            self._maybe_resume()
            if self._waiting:
                self.yield_turn()
        else:
            self._start_next()

    def stop(self) -> None:
        """Drop waiting requests; those under way end by themselves."""
        if self._waiting is not None:
            for work, _, _ in self._waiting:
                work.close()
            self._waiting = None
        self._is_paused = False

    def _may_start(self, may_overlap: bool) -> bool:
        if self._held:
            return False
        if not self._started:
            return True
        return may_overlap and self._is_overlapping and len(self._started) < MAX_OVERLAPPING

    def _start(self, work: _Work, may_overlap: bool) -> None:
        if not self._started:
            self._is_overlapping = may_overlap
        self._run(work, None, None)

    def _start_dear(self, work: _Work) -> None:
        """Start a dear request; no other is under way."""
        self._is_overlapping = False
        self._run_dear(work, None, None)

    def _run_dear(self, work: _Work, started: _Started | None, result: object) -> None:
        self._is_dear = True  # where it waits again
        self._run(work, started, result)
        self._is_dear = bool(self._started)

    def _run(self, work: _Work, started: _Started | None, result: object) -> None:
        """Run *work* until it waits or ends; *result* is the result of what it waited for."""
        token = TRACE.set(self._trace)
        try:
            if isinstance(result, Failure):
                pending = work.throw(cast(BaseException, result.value))
            else:
                pending = work.send(result)
        except StopIteration as end:
            self._finish(started, end.value)
            return
        finally:
            TRACE.reset(token)
        if started is None:
            started = self._append(_Started())
        pending.addBoth(self._resumed, work, started)

    def _append(self, started: _Started) -> _Started:
        if self._started is None:
            self._started = deque()
        self._started.append(started)
        return started

    def _finish(self, started: _Started | None, reply: bytes) -> None:
        """Write a reply: now, or after the replies to earlier requests."""
        if started is not None:
            started.reply = reply
        elif self._started:
            self._append(_Started(reply))
        else:
            self._write(reply)
            return
        while self._started and (first := self._started[0].reply) is not None:
            self._started.popleft()
            self._write(first)

    def _resumed(self, result: object, work: _Work, started: _Started) -> object:
        """Go on with *work*; return what it reads of its Deferred if it goes on later."""
        if not self._is_dear:
            self._run(work, started, result)
        elif self._turns.is_over():
            self._resumption = work, started, result
            self.yield_turn()
            return None if isinstance(result, Failure) else result  # an error is thrown into it
        else:
            self._turns.run(self._run_dear, work, started, result)
        self._start_next()
        return None

    def _start_next(self) -> None:
        """Start cheap requests that wait, for up to `TURN`; what is left then waits for another turn."""
        if not self._waiting:
            return
        count, end = 0, self._turns.seconds() + TURN
        while self._waiting and self._may_start(self._waiting[0][1]):
            is_dear = self._waiting[0][2]
            if is_dear or (count % REQUESTS_PER_LOOK == 0 and count and self._turns.seconds() >= end):
                self.yield_turn()
                return
            work, may_overlap, _ = self._waiting.popleft()
            self._start(work, may_overlap)
            self._maybe_resume()
            count += 1

    def _maybe_resume(self) -> None:
        waiting = len(self._waiting) if self._waiting is not None else 0
        if self._is_paused and waiting <= MAX_WAITING // 2:
            self._is_paused = False
            self._transport.resumeProducing()
