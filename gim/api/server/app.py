"""The Klein app of a set of routes."""

from __future__ import annotations

from typing import Any

from klein import Klein
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest

from gim.api.envelope import refuse
from gim.api.errors import refusal


class App(Klein):
    """Tells the request which route it took, and answers in the envelope whatever a route raises; a path
    with ``//`` is an unknown one, not a redirect."""

    def __init__(self) -> None:
        super().__init__()
        self.url_map.merge_slashes = False
        self.handle_errors(Exception)(_refused)

    def execute_endpoint(self, endpoint: str, request: Any, *args: Any, **kwargs: Any) -> Any:
        request.op = endpoint
        return super().execute_endpoint(endpoint, request, *args, **kwargs)


def _refused(self: Any, request: IRequest, failure: Failure) -> bytes:
    """Answer for a set of routes, as a method of it would."""
    return refuse(request, refusal(request, failure))
