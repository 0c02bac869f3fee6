"""How much of an iteration of the reactor requests may take before others come in between.

Requests that can be dear (take long), such as a page of a history, share `TURN` of an iteration. A
request that does not begin in that time waits for the next iteration; until then the reactor also reads
what other clients sent. Requests that wait take turns by client, so many connections of one client get no
more than a single connection of another. (Fair queueing: Nagle, RFC 970, 1985.)
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from gim.log.logger import Logger

TURN = 0.005  # seconds of an iteration for all dear requests, and for many cheap ones that came together


class Waiting(Protocol):
    """Waits for its turn."""

    def take_turn(self) -> None:
        """Do one dear request, or cheap ones for up to `TURN`; to do more, wait again."""


class Turns:
    """Counts the seconds that dear requests take, and queues requests that wait for another iteration."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.seconds: Callable[[], float] = clock.seconds
        self._waiting: OrderedDict[str, deque[Waiting]] = OrderedDict()  # by client, next one first
        self._used = 0.0  # seconds, of this iteration and of earlier ones that did not use up `TURN`
        self._running_since: float | None = None
        self._is_scheduled = False
        self.deferred = 0  # turns that had to wait, so far

    def is_over(self) -> bool:
        """Say whether a dear request has to wait: the time is used up, or others wait."""
        if self._waiting or self._used >= TURN:
            return True
        return self._running_since is not None and self._used_with_this() >= TURN

    def _used_with_this(self) -> float:
        since = self._running_since
        return self._used + (self.seconds() - since if since is not None else 0.0)

    def run(self, work: Callable[..., object], *arguments: object) -> None:
        """Call *work* and count the time that it takes. Work within that work is not counted twice."""
        if self._running_since is not None:
            work(*arguments)
            return
        self._running_since = self.seconds()
        try:
            work(*arguments)
        finally:
            self._used, self._running_since = self._used_with_this(), None
            if self._used >= TURN:
                self._schedule()

    def wait(self, client: str, waiting: Waiting) -> None:
        """Give *waiting* a turn in another iteration, after those of the same *client* that wait."""
        self.deferred += 1
        self._waiting.setdefault(client, deque()).append(waiting)
        self._schedule()

    def turn(self, client: str) -> Deferred[None]:
        """Return a Deferred that fires when it is the client's turn; the time of its callbacks counts."""
        turn = _Turn()
        self.wait(client, turn)
        return turn.begun

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._clock.callLater(0, self._begin)

    def _begin(self) -> None:
        """Begin an iteration: give turns, to one client after the other, until its time is used.

        A request that takes longer than `TURN` uses up the next iteration too. So after a long request
        the reactor always reads before another one begins.
        """
        self._is_scheduled = False
        self._used = min(max(self._used - TURN, 0.0), TURN)
        while self._waiting and self._used < TURN:
            self.run(self._take, self._next())
        if self._waiting or self._used >= TURN:
            self._schedule()

    def _take(self, waiting: Waiting) -> None:
        try:
            waiting.take_turn()
        except Exception:  # a fault of one client must not affect the others
            self._log.failure("the turn of a client failed")

    def _next(self) -> Waiting:
        client, queue = self._waiting.popitem(last=False)
        first = queue.popleft()
        if queue:
            self._waiting[client] = queue
        return first


class _Turn:
    """A turn of one request."""

    def __init__(self) -> None:
        self.begun: Deferred[None] = Deferred()

    def take_turn(self) -> None:
        self.begun.callback(None)
