"""How fast long work goes on in the reactor's thread while others want the thread, too."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

STEP: Final = 0.0003  # seconds of work, after which others get their turn
MIN_PAUSE: Final = 0.002  # seconds after each step
WORK_PER_PAUSE: Final = 0.25  # so the work takes a fifth of a core at most


class Pace:
    """Divides one long work into steps of `STEP` with pauses in between."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._since = clock.seconds()

    def is_over(self) -> bool:
        """Say whether this step has used its time."""
        return self._clock.seconds() - self._since >= STEP

    def begin(self) -> None:
        """Begin a step: what was waited for until now was not work."""
        self._since = self._clock.seconds()

    async def pause(self) -> None:
        """End a step, and begin another after a pause."""
        used = self._clock.seconds() - self._since
        await deferLater(self._clock, max(MIN_PAUSE, used / WORK_PER_PAUSE))
        self.begin()
