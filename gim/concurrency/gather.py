"""Waiting for several results at once."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredList, FirstError, gatherResults


async def gather(works: Iterable[Awaitable[Any]]) -> list[Any]:
    """Start all of *works*, then return their results, or raise the first error.

    An error of the iterable itself is raised once the works started so far have ended.
    """
    begun: list[Deferred[Any]] = []
    try:
        begun.extend(Deferred.fromCoroutine(_await(work)) for work in works)
    except Exception:
        await DeferredList(begun, consumeErrors=True)
        raise
    try:
        return list(await gatherResults(begun, consumeErrors=True))
    except FirstError as error:
        raise cast(BaseException, error.subFailure.value) from None


async def _await(work: Awaitable[Any]) -> Any:
    return await work
