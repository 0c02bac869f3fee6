"""The Klein app of a set of routes, and the table of the routes of several sets."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, NamedTuple

from klein import Klein
from werkzeug.routing import Map

from gim.api.openapi.describe import Access, RouteSet, description_of


class App(Klein):
    """Keeps the routes of a set, each of which must be described. A path with ``//`` is unknown, not a
    redirect."""

    def __init__(self) -> None:
        super().__init__()
        self.url_map.merge_slashes = False

    def route(self, url: str, **options: Any) -> Callable[[Any], Any]:  # type: ignore[override]
        """Add a route, as Klein does; `LookupError` for one without `describe`."""
        add = super().route(url, **options)

        def add_described(route: Any) -> Any:
            description_of(route)
            return add(route)

        return add_described


class Route(NamedTuple):
    """A route that requests are served by. Its name is that of its operation, for metrics.

    ``handle`` gets the request, the `User` for `Access.USER`, and the parameters in the path by name. It
    returns the body of the response; a route for the administrator may return an `EventStream`.
    """

    name: str
    access: Access
    handle: Callable[..., Coroutine[Any, Any, Any]]
    body_factor: int  # times --max-packet: how long a body may be


class RouteTable:
    """The routes of several sets, so that one path may have methods in more than one of them.

    ``fixed`` has those without parameters by method and path: a request for one of them is not matched
    with patterns.
    """

    def __init__(self, route_sets: Iterable[RouteSet]) -> None:
        self.url_map = Map(merge_slashes=False)
        self._routes: dict[str, Route] = {}
        for routes in route_sets:
            self.url_map.converters.update(routes.app.url_map.converters)
            for name in routes.app.endpoints:
                handle = getattr(routes, name)
                about = description_of(handle)
                self._routes[name] = Route(name, about.access, handle, about.body_factor)
            for rule in routes.app.url_map.iter_rules():
                self.url_map.add(rule.empty())
        self._matcher = self.url_map.bind("gim")
        self.fixed = dict(self._fixed())

    def _fixed(self) -> Iterator[tuple[tuple[bytes, bytes], Route]]:
        for rule in self.url_map.iter_rules():
            if not rule.arguments:
                for method in rule.methods or ():
                    yield (method.encode(), rule.rule.encode()), self._routes[rule.endpoint]

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route of a path, and the parameters in it. Raises `werkzeug.exceptions.NotFound`,
        `MethodNotAllowed` or another `HTTPException`."""
        name, parameters = self._matcher.match(path, method)
        return self._routes[name], dict(parameters)
