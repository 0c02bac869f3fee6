"""Calls that are held until something is on the disk, and made in their order then."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure

from gim.errors import Unavailable
from gim.log.logger import Logger


class HeldCalls:
    """Calls with one argument each. None is the argument of a result: what waits for it has to hear of
    a failure, too. Other calls can be dropped."""

    _log = Logger()

    def __init__(self) -> None:
        self.calls: deque[tuple[Callable[[Any], object], Any]] = deque()
        self.free = 0  # so many, the first ones, wait only for those before them
        self._is_releasing = False

    @property
    def bound(self) -> int:
        """How many calls wait for something else than those before them."""
        return len(self.calls) - self.free

    def release(self) -> None:
        """Make the calls that are free. A call may hold others."""
        if self._is_releasing:
            return
        self._is_releasing = True
        calls = self.calls
        while self.free:
            self.free -= 1
            call, argument = calls.popleft()
            try:
                call(argument)
            except Exception:  # a fault of one must not affect the others
                self._log.failure("a call that waited for the disk failed")
        self._is_releasing = False

    def refuse_all(self, why: str) -> None:
        """Drop all calls; results become `Unavailable`."""
        refused = list(self.calls)
        self.calls.clear()
        self.free = 0
        for call, argument in refused:
            if argument is None:
                call(_unknown(why))

    def refuse_results(self, count: int, why: str) -> None:
        """Turn the results among the first *count* calls into `Unavailable`. Others stay."""
        for place, (call, argument) in enumerate(list(self.calls)[:count]):
            if argument is None:
                self.calls[place] = _NOTHING
                call(_unknown(why))


def _pass(argument: str) -> None:
    pass


_NOTHING = _pass, ""


def _unknown(why: str) -> Failure:
    return Failure(Unavailable(f"{why}, so it is not known whether this was done: try again in a moment"))
