"""Waiting for several results at once."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from itertools import islice
from types import CoroutineType
from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredList, FirstError, fail, gatherResults

from gim.concurrency.steps import go_on


async def gather(works: Iterable[Awaitable[Any]]) -> list[Any]:
    """Start all of *works*, then return their results, or raise the first error.

    An error of the iterable itself is raised once the works started so far have ended. A coroutine that
    never waits costs 0.5 us: it needs no Deferred.
    """
    begun: list[Any] = []  # the result of each work, or a Deferred of it
    try:
        begun.extend(map(begin, works))
    except Exception:
        await DeferredList(_waiting(begun).values(), consumeErrors=True)
        raise
    return await results(begun)


async def results(begun: list[Any]) -> list[Any]:
    """Return the results of works that `begin` has begun, or raise the first error."""
    waiting = _waiting(begun)
    try:
        ended = await gatherResults(waiting.values(), consumeErrors=True) if waiting else ()
    except FirstError as error:
        raise cast(BaseException, error.subFailure.value) from None
    for at, result in zip(waiting, ended, strict=True):
        begun[at] = result
    return begun


def _waiting(begun: list[Any]) -> dict[int, Deferred[Any]]:
    return {at: one for at, one in enumerate(begun) if isinstance(one, Deferred)}


def begin(work: Awaitable[Any]) -> Any:
    """Run a work until it waits; return its result, or a Deferred of it, which may have failed."""
    if not isinstance(work, CoroutineType):
        return Deferred.fromCoroutine(_await(work))
    try:
        pending = work.send(None)
    except StopIteration as end:
        return end.value
    except Exception:
        return fail()
    return Deferred.fromCoroutine(go_on(work, pending))


async def gather_some(works: Iterable[Awaitable[Any]], at_a_time: int) -> list[Any]:
    """Return the results of *works*, or raise the first error. At most *at_a_time* are under way."""
    left, results = iter(works), list[Any]()
    while some := list(islice(left, at_a_time)):
        results += await gather(some)
    return results


async def _await(work: Awaitable[Any]) -> Any:
    return await work
