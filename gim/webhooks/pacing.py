"""Room for others: few attempts begin in a turn of the reactor."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

PER_TURN = 2  # an attempt takes half a millisecond of CPU, in which nobody can chat


class Pacer:
    """Lets `PER_TURN` begin at once, and as many in each turn after that."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._left = PER_TURN
        self._waiting: deque[Deferred[None]] = deque()
        self._is_set = False  # for the next turn

    async def begin(self) -> None:
        """Return when it is one's turn."""
        self._set()
        if self._left:
            self._left -= 1
            return
        turn: Deferred[None] = Deferred()
        self._waiting.append(turn)
        await turn

    def _set(self) -> None:
        if not self._is_set:
            self._is_set = True
            self._clock.callLater(0, self._next_turn)

    def _next_turn(self) -> None:
        self._is_set = False
        self._left = PER_TURN
        while self._left and self._waiting:
            turn = self._waiting.popleft()
            if not turn.called:  # it was not cancelled
                self._left -= 1
                turn.callback(None)
        if self._waiting:
            self._set()
