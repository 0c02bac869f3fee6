"""The Klein app of a set of routes, and that of several sets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import wraps
from typing import Any

from klein import Klein
from twisted.internet.defer import maybeDeferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest

from gim.api.envelope import refuse
from gim.api.errors import refusal
from gim.api.openapi.describe import Access, RouteSet, description_of
from gim.api.server.changes import logged
from gim.api.server.console_cookie import SAFE_METHODS
from gim.api.server.event_stream import EventStream
from gim.concurrency.deadline import ANSWER_TIMEOUT, within


class App(Klein):
    """Enforces the `Access` of its routes, and answers in the envelope if one raises an error.

    A request learns the name of its route, for metrics. A route for the administrator may return an
    `EventStream`. A path with ``//`` is unknown, not a redirect.
    """

    def __init__(self) -> None:
        super().__init__()
        self.url_map.merge_slashes = False
        self.handle_errors(Exception)(_refused)

    def route(self, url: str, **options: Any) -> Callable[[Any], Any]:  # type: ignore[override]
        """Add a route, as Klein does; `LookupError` for one without `describe`."""
        add = super().route(url, **options)

        def add_described(route: Any) -> Any:
            description_of(route)
            return add(route)

        return add_described

    def execute_endpoint(self, endpoint: str, request: Any, *args: Any, **kwargs: Any) -> Any:
        request.op = endpoint
        access = description_of(self.endpoints[endpoint]).access
        if access is Access.USER:
            return _in_time(request, self._execute_as_user(endpoint, request, **kwargs))
        request.site.access.check(access, request)
        if access in (Access.ADMIN, Access.CONSOLE):
            work = self._execute(endpoint, request, **kwargs)
            if request.method not in SAFE_METHODS:
                work = logged(request, kwargs, work)
            return _to_the_end(_in_time(request, work))
        return super().execute_endpoint(endpoint, request, *args, **kwargs)

    async def _execute_as_user(self, endpoint: str, request: Any, **path: str) -> Any:
        user = await request.site.access.user_of(request)
        return await self._execute(endpoint, request, user, **path)

    async def _execute(self, endpoint: str, request: Any, *args: Any, **path: str) -> Any:
        return await maybeDeferred(super().execute_endpoint, endpoint, request, *args, **path)

    def execute_error_handler(self, handler: Any, request: Any, failure: Failure) -> Any:
        return handler(self, request, failure)  # a handler gets an instance, also in a `JoinedApp`


class JoinedApp(App):
    """The routes of several sets, so that one path may have methods in more than one of them."""

    def __init__(self, route_sets: Iterable[RouteSet]) -> None:
        super().__init__()
        for routes in route_sets:
            self.url_map.converters.update(routes.app.url_map.converters)
            for name, endpoint in routes.app.endpoints.items():
                self.endpoints[name] = _of_set(routes, endpoint)
            for rule in routes.app.url_map.iter_rules():
                self.url_map.add(rule.empty())


def _of_set(routes: RouteSet, endpoint: Any) -> Any:
    @wraps(endpoint)  # it has attributes that Klein and `description_of` read
    def call(_: None, *args: Any, **path: Any) -> Any:
        return endpoint(routes, *args, **path)

    return call


def _in_time(request: Any, work: Coroutine[Any, Any, Any]) -> Awaitable[Any]:
    """Refuse a request whose calls to the storage take too long; other routes make at most one call."""
    return within(ANSWER_TIMEOUT, request.site.clock, work)


async def _to_the_end(answer: Awaitable[Any]) -> Any:
    """Return an answer, or None when the stream that it is has ended, which takes any time."""
    answered = await answer
    return await answered.done if isinstance(answered, EventStream) else answered


def _refused(self: Any, request: IRequest, failure: Failure) -> bytes:
    """Handle errors; Klein calls it as a method."""
    return refuse(request, refusal(request, failure))
