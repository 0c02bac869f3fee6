"""A bound for how many pieces of work are under way at a time."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred


class Gate:
    """Lets *width* pieces of work in at a time, in the order in which they come.

    Each calls `leave` once after `enter` has returned. One that waits in `enter` may be cancelled.
    """

    def __init__(self, width: int) -> None:
        self._free = width
        self._waiting: deque[Deferred[None]] = deque()  # those that were cancelled included
        self._is_letting_in = False

    async def enter(self) -> None:
        """Return when there is room, which is taken then."""
        if self._free:
            self._free -= 1
        else:
            turn: Deferred[None] = Deferred()
            self._waiting.append(turn)
            await turn

    def leave(self) -> None:
        """Make room, and let in what waits."""
        self._free += 1
        if self._is_letting_in:  # what was let in has left at once: the loop below goes on
            return
        self._is_letting_in = True
        while self._free and self._waiting:
            turn = self._waiting.popleft()
            if not turn.called:
                self._free -= 1
                turn.callback(None)
        self._is_letting_in = False
