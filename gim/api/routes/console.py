"""The console: its files."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.web.iweb import IRequest

from gim.api.errors import no_such_path
from gim.api.openapi.describe import CSS, HTML, JAVASCRIPT, JSON, SVG, TEXT, Access, describe
from gim.api.server.app import App
from gim.api.static_files import StaticFile, serve_file
from gim.console.files import INDEX, headers_of, static_files


class ConsoleRoutes:
    """Serves files from memory. They hold no secrets: what the page shows comes from other routes."""

    app = App()

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        """*sources* holds the files by their paths below ``/console/``."""
        self._files = static_files(sources)
        self._headers = headers_of(sources[INDEX])

    @app.route("/console/", methods=["GET"])
    @describe("The console, a page for the operator.", "console", access=Access.OWN_PAGES, media=(HTML,))
    async def console_page(self, request: IRequest) -> bytes:
        return self._serve(request, self._files[INDEX])

    @app.route("/console/<path:file>", methods=["GET"])
    @describe(
        "A file of the console.",
        "console",
        access=Access.OWN_PAGES,
        media=(HTML, CSS, JAVASCRIPT, JSON, SVG, TEXT),
    )
    async def console_file(self, request: IRequest, file: str) -> bytes:
        return self._serve(request, self._files.get(file))

    def _serve(self, request: IRequest, found: StaticFile | None) -> bytes:
        for name, value in self._headers.items():
            request.setHeader(name, value)
        if found is None:
            raise no_such_path()
        return serve_file(request, found)
