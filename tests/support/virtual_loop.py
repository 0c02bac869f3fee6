"""An event loop of asyncio that never waits: where nothing is ready, its clock goes to the next timer."""

from __future__ import annotations

import asyncio
from selectors import DefaultSelector, SelectorKey
from time import monotonic


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time begins with that of the monotonic clock."""

    def __init__(self) -> None:
        self.now = monotonic()
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.now


class _JumpingSelector(DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout is not None and timeout > 0:
            self._loop.now += timeout
        return ready
