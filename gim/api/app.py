"""The Klein app of a set of routes."""

from __future__ import annotations

from typing import Any

from klein import Klein


class App(Klein):
    """Tells the request which route it took; a path with ``//`` is an unknown one, not a redirect."""

    def __init__(self) -> None:
        super().__init__()
        self.url_map.merge_slashes = False

    def execute_endpoint(self, endpoint: str, request: Any, *args: Any, **kwargs: Any) -> Any:
        request.op = endpoint
        return super().execute_endpoint(endpoint, request, *args, **kwargs)
