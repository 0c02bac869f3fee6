"""From a path to its route: who may learn of it, and what Klein does not answer in the envelope."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from gim.api.decoding import header_of
from gim.api.envelope import plain, refuse
from gim.api.errors import no_such_path, refusal, undecodable_path
from gim.api.openapi.describe import TEXT, Access, RouteSet
from gim.api.openapi.document import Route, routes_of
from gim.api.server.access import AccessControl
from gim.api.server.app import RouteTable
from gim.api.server.serving import serve
from gim.errors import InvalidAdminKey, PayloadTooLarge, Unavailable
from gim.limits.limits import PACKET, LimitHits

_FOR_ADMIN = frozenset({Access.ADMIN, Access.CONSOLE})


class Branch(NamedTuple):
    """The paths with one prefix, in all sets of routes. What is said of it is so for all of them."""

    is_for_admin: bool
    is_public: bool  # web pages of every origin may request them
    is_for_own_pages: bool  # of web pages only those of this server may request them


class ApiRoot(Resource):
    """Refuses what Klein would answer in plain text, and hands it the rest.

    Below a prefix whose routes are all for the administrator, unknown paths are too. If there is a key, a
    client without it doesn't learn which paths exist.
    """

    isLeaf = True

    def __init__(self, route_sets: Sequence[RouteSet], access: AccessControl, hits: LimitHits) -> None:
        super().__init__()
        self.routes = RouteTable(route_sets)
        self._branches = _branches_of(route_sets)
        self._access = access
        self._hits = hits

    def render(self, request: Any) -> Any:
        """Return the body of a response, or `NOT_DONE_YET`."""
        route = self.routes.fixed.get((request.method, request.path))
        branch = self.branch_of(request.postpath)
        try:
            if branch is not None and branch.is_for_admin and self._access.wants_key(request):
                return refuse(request, InvalidAdminKey())
        except Unavailable as error:  # without a storage, no session of the console can be verified
            return refuse(request, error)
        if route is None and self._leads_to_console(request):
            request.redirect(b"/console/")
            return plain(request, TEXT, b"")
        if request.body_size > request.max_body:
            self._hits.hit(PACKET)
            return refuse(request, PayloadTooLarge(f"body: shorten it to {request.max_body} bytes"))
        if route is not None:
            return serve(route, request, {})
        if not _is_text(request):
            return refuse(request, undecodable_path())
        if branch is None or not _is_plain(request.postpath):
            return refuse(request, no_such_path())
        return self._render_match(request)

    def _render_match(self, request: Any) -> Any:
        """Serve a path that may be one of a route with parameters."""
        path = b"/" + b"/".join(request.postpath)
        try:
            route, parameters = self.routes.match(request.method.decode(), path.decode())
        except Exception:
            return refuse(request, refusal(request, Failure()))
        return serve(route, request, parameters)

    def _leads_to_console(self, request: Any) -> bool:
        """Say whether a browser is on the way to the console, and that is served."""
        if (b"console",) not in self._branches or request.method not in (b"GET", b"HEAD"):
            return False
        is_browser = "text/html" in header_of(request, "accept")
        return request.path == b"/console" or (request.path == b"/" and is_browser)

    def branch_of(self, segments: Sequence[bytes]) -> Branch | None:
        """Return the branch of a path, which exists or not; *segments* are its parts, without escapes."""
        return self._branches.get(tuple(segments[:2])) or self._branches.get(tuple(segments[:1]))


def _branches_of(route_sets: Sequence[RouteSet]) -> dict[tuple[bytes, ...], Branch]:
    accesses = defaultdict(set)
    for route in routes_of(route_sets):
        accesses[_prefix(route)].add(route.description.access)
    return {
        prefix: Branch(
            is_for_admin=found <= _FOR_ADMIN,
            is_public=found == {Access.PUBLIC},
            is_for_own_pages=found == {Access.OWN_PAGES},
        )
        for prefix, found in accesses.items()
    }


def _prefix(route: Route) -> tuple[bytes, ...]:
    """Return the first two segments of a path, or only one before a parameter or the end."""
    fixed = route.path.partition("{")[0].encode()
    return tuple(filter(None, fixed.split(b"/")[1:3]))


def _is_plain(segments: list[bytes]) -> bool:
    """Say whether no segment holds a slash and the first is not empty: Klein takes //a for /a."""
    return segments[0] != b"" and not any(b"/" in segment for segment in segments)


def _is_text(request: IRequest) -> bool:
    try:
        request.method.decode("ascii")
        b"/".join(request.postpath).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
