"""Runs what needs Twisted's reactor, for a command that is not the server."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def in_reactor(work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """Run the reactor until *work*, which gets it, has returned; return the result, or raise its error.

    Raises `KeyboardInterrupt` when a signal ends the reactor before. A process can do this once.
    """
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    results: list[Any] = []

    def begin() -> None:
        done = Deferred.fromCoroutine(work(reactor))
        done.addBoth(results.append)
        done.addBoth(lambda _: reactor.stop() if reactor.running else None)

    reactor.callWhenRunning(begin)
    reactor.run()
    if not results:
        raise KeyboardInterrupt
    if isinstance(results[0], Failure):
        results[0].raiseException()
    found: T = results[0]
    return found
