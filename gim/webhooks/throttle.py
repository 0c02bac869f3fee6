"""A bound on the attempts that begin in one iteration of the reactor, so that chat goes on in between."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

MAX_ATTEMPTS_PER_TURN = 2  # each takes half a millisecond of CPU, in which all chat waits


class AttemptThrottle:
    """Lets `MAX_ATTEMPTS_PER_TURN` attempts begin at once, and as many in each later iteration."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._available = MAX_ATTEMPTS_PER_TURN
        self._waiting: deque[Deferred[None]] = deque()
        self._is_scheduled = False  # the next iteration

    async def acquire(self) -> None:
        """Return when one more attempt may begin."""
        self._schedule()
        if self._available:
            self._available -= 1
            return
        turn: Deferred[None] = Deferred()
        self._waiting.append(turn)
        await turn

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._clock.callLater(0, self._next_turn)

    def _next_turn(self) -> None:
        self._is_scheduled = False
        self._available = MAX_ATTEMPTS_PER_TURN
        while self._available and self._waiting:
            turn = self._waiting.popleft()
            if not turn.called:  # it was not cancelled
                self._available -= 1
                turn.callback(None)
        if self._waiting:
            self._schedule()
