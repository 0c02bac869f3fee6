"""Calls the handler of a route, within its `Access` and its time, and answers for it.

A handler that answers at once costs no Deferred: most do, as the memory store never waits.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET

from gim.api.envelope import refuse
from gim.api.errors import refusal
from gim.api.openapi.describe import Access
from gim.api.server.app import Route
from gim.api.server.changes import logged
from gim.api.server.console_cookie import SAFE_METHODS
from gim.api.server.event_stream import EventStream
from gim.concurrency.deadline import ANSWER_TIMEOUT, within
from gim.concurrency.steps import go_on
from gim.errors import GimError
from gim.log.logger import Logger

_log = Logger()


def serve(route: Route, request: Any, parameters: dict[str, str]) -> Any:
    """Return the body of the response, or `NOT_DONE_YET` if the handler waits; never raises."""
    request.op = route.name
    work = _answer_of(route, request, parameters)
    try:
        pending = work.send(None)
    except StopIteration as end:
        return b"" if end.value is None else end.value
    except GimError as error:
        return refuse(request, error)
    except Exception:
        return refuse(request, refusal(request, Failure()))
    _answer_later(request, Deferred.fromCoroutine(go_on(work, pending)))
    return NOT_DONE_YET


def _answer_later(request: Any, answer: Deferred[Any]) -> None:
    """Respond with an answer, or with the refusal that it fails with; cancel it when the client hangs
    up."""
    request.notifyFinish().addErrback(lambda _: answer.cancel())
    answer.addErrback(_refused, request)
    answer.addCallback(_respond, request)
    answer.addErrback(lambda failure: _log.failure("a response could not be written", failure))


def _refused(failure: Failure, request: Any) -> bytes | None:
    if request.channel is not None:
        return refuse(request, refusal(request, failure))
    if not failure.check(CancelledError, GimError):
        _log.failure("serving a request failed whose client is gone", failure)
    return None


def _respond(body: bytes | None, request: Any) -> None:
    if request.channel is None:  # the client has hung up
        return
    if body is None:  # the response was a stream, which has ended
        request.finish()
    else:
        request.respond(body)


def _answer_of(
    route: Route, request: Any, parameters: dict[str, str]
) -> Coroutine[Deferred[Any], Any, Any]:
    """Return the work of a handler, within what its `Access` asks for."""
    if route.access is Access.USER:
        return within(ANSWER_TIMEOUT, request.site.clock, _for_user(route, request, parameters))
    if route.access in (Access.ADMIN, Access.CONSOLE):
        return _for_admin(route, request, parameters)
    return _for_others(route, request, parameters)


async def _for_user(route: Route, request: Any, parameters: dict[str, str]) -> Any:
    user = await request.site.access.user_of(request)
    return await route.handle(request, user, **parameters)


async def _for_admin(route: Route, request: Any, parameters: dict[str, str]) -> Any:
    """Log what changes something; wait for the end of a stream, which takes any time."""
    request.site.access.check(route.access, request)
    work = route.handle(request, **parameters)
    if request.method not in SAFE_METHODS:
        work = logged(request, parameters, work)
    answered = await within(ANSWER_TIMEOUT, request.site.clock, work)
    return await answered.done if isinstance(answered, EventStream) else answered


async def _for_others(route: Route, request: Any, parameters: dict[str, str]) -> Any:
    request.site.access.check(route.access, request)
    return await route.handle(request, **parameters)
