"""The steps of a coroutine: what runs between its waits."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred

T = TypeVar("T")


def _ignore(pending: Deferred[Any]) -> None:
    pass


async def go_on(
    work: Coroutine[Deferred[Any], Any, T],
    pending: Deferred[Any],
    waits: Callable[[Deferred[Any]], None] = _ignore,
) -> T:
    """Run a coroutine that was begun by ``send(None)`` and waits for *pending* to its end.

    Its steps are steps of the caller. *waits* is called with each further Deferred that it waits for.
    """
    while True:
        try:
            step = partial(work.send, await pending)
        except Exception as error:
            step = partial(work.throw, error)
        try:
            pending = step()
        except StopIteration as end:
            return cast(T, end.value)
        waits(pending)
