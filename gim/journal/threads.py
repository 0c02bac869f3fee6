"""The thread in which the journal waits for the disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool


class Threads(Protocol):
    """Runs what waits for the disk, one thing after the other, outside of the reactor's thread."""

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Run a function after all earlier ones; the Deferred fires in the reactor's thread."""

    def stop(self) -> None:
        """End the thread after all that was asked for."""


class DiskThread:
    """One thread of its own, begun when it is needed."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(0, 1, "journal")
        self._pool.start()

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._pool, function, *args)

    def stop(self) -> None:
        self._pool.stop()


class AtOnce:
    """Runs all in place, for tools and tests."""

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return maybeDeferred(function, *args)

    def stop(self) -> None:
        pass
