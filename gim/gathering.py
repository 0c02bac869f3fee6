"""Waiting for several things at once."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Any, cast

from twisted.internet.defer import Deferred, FirstError, gatherResults


async def gather(works: Iterable[Awaitable[Any]]) -> list[Any]:
    """Start all of *works*, then return their results, or raise the first error."""
    begun = [Deferred.fromCoroutine(_await(work)) for work in works]
    try:
        return list(await gatherResults(begun, consumeErrors=True))
    except FirstError as error:
        raise cast(BaseException, error.subFailure.value) from None


async def _await(work: Awaitable[Any]) -> Any:
    return await work
