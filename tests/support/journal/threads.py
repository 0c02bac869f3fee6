"""A thread of the journal that runs when a test says so."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred


class OnDemand:
    """Keeps what is to be run. Implements `gim.journal.threads.Threads`."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = deque()

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self._jobs.append((done, function, args))
        return done

    def stop(self) -> None:
        pass

    def __len__(self) -> int:
        return len(self._jobs)

    def work(self) -> None:
        """Run the first job."""
        done, function, args = self._jobs.popleft()
        maybeDeferred(function, *args).addBoth(done.callback)

    def work_off(self) -> None:
        """Run all jobs, and those that follow from them."""
        while self._jobs:
            self.work()
