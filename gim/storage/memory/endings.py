"""Takes apart what has ended but is too large for one turn, such as a chatroom with many members."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gim.log.logger import Logger

PORTION = 0.001  # seconds of work in a turn of the reactor,
STEPS_OF_PORTION = 64  # and steps, as each may make work elsewhere: an event, a webhook
PAUSE = 0.001  # seconds from one portion to the next
ANSWER_AFTER = 1.0  # seconds that the one who ended it waits for the rest, at most


class Endings:
    """Takes the steps of all endings in portions; the endings take turns.

    The first portion of each is done at once, so what is small ends in the turn in which it began to.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: deque[tuple[Iterator[None], Deferred[None]]] = deque()
        self._next: IDelayedCall | None = None

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._waiting)

    async def run(self, steps: Iterator[None]) -> None:
        """Take *steps* as `begin` does; return when all are taken, or after `ANSWER_AFTER` seconds."""
        ended = self.begin(steps)
        if not ended.called:
            try:
                await ended.addTimeout(ANSWER_AFTER, self._clock)
            except TimeoutError:  # the rest follows
                pass

    def begin(self, steps: Iterator[None]) -> Deferred[None]:
        """Take *steps*, some of them now. The Deferred fires when all are taken; it may be cancelled."""
        ended: Deferred[None] = Deferred()
        self._take_portion(steps, ended)
        return ended

    def _take_portion(self, steps: Iterator[None], ended: Deferred[None]) -> None:
        if self._is_over(steps):
            ended.callback(None)
        else:
            self._waiting.append((steps, ended))
        if self._waiting and self._next is None:
            self._next = self._clock.callLater(PAUSE, self._go_on)

    def _is_over(self, steps: Iterator[None]) -> bool:
        """Take some steps; say whether there are no more."""
        end = self._clock.seconds() + PORTION
        try:
            for _ in range(STEPS_OF_PORTION):
                if next(steps, self) is self:
                    return True
                if self._clock.seconds() >= end:
                    break
        except Exception:
            self._log.failure("a part of what has ended is left behind")
            return True
        return False

    def _go_on(self) -> None:
        self._next = None
        self._take_portion(*self._waiting.popleft())
