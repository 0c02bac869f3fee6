"""The thread in which the journal waits for the disk."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

_Job = tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]


class Threads(Protocol):
    """Runs what waits for the disk, one thing after the other, outside of the reactor's thread."""

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Run a function after all earlier ones; the Deferred fires in the reactor's thread."""

    def stop(self) -> None:
        """End the thread after all that was asked for."""


class DiskThread:
    """One thread of its own, begun with the first call: a thread does not outlive a fork.

    With ``--sync always`` there are thousands of syncs a second, and a thread pool of Twisted takes 70 us
    more for each.
    """

    def __init__(self, reactor: Any) -> None:
        self._call_in_reactor = reactor.callFromThread
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="journal", daemon=True)
        self._has_begun = False

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        if not self._has_begun:
            self._has_begun = True
            self._thread.start()
        done: Deferred[Any] = Deferred()
        self._jobs.put((done, function, args))
        return done

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            done, function, args = job
            try:
                result = function(*args)
            except BaseException:
                result = Failure()
            self._call_in_reactor(done.callback, result)  # a Failure becomes its failure

    def stop(self) -> None:
        self._jobs.put(None)
        if self._has_begun:
            self._thread.join()


class AtOnce:
    """Runs all in place, for tools and tests."""

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return maybeDeferred(function, *args)

    def stop(self) -> None:
        pass
