"""The JavaScript client library, so that a page on the web needs one line to import it.

The files are those of ``clients/js``, to which the link ``gim/api/javascript`` leads.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from twisted.web.iweb import IRequest

from gim.api.errors import no_such_path
from gim.api.openapi.describe import JAVASCRIPT, Access, describe
from gim.api.server.app import App
from gim.api.static_files import serve_file, static_file


def modules() -> dict[str, bytes]:
    """Read the library: UTF-8 by the name of the file."""
    found = files("gim.api") / "javascript"
    return {each.name: each.read_bytes() for each in found.iterdir() if each.name.endswith(".js")}


class JavaScriptRoutes:
    """Serves modules from memory. Pages of every origin may import them: they hold no secrets."""

    app = App()

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        """*sources* holds the UTF-8 of each module by its name."""
        self._modules = {name: static_file(JAVASCRIPT, source) for name, source in sources.items()}

    @app.route("/client/<module>", methods=["GET"])
    @describe(
        "A module of the JavaScript client library, such as `gim.js`.",
        "client",
        access=Access.PUBLIC,
        media=(JAVASCRIPT,),
    )
    async def javascript(self, request: IRequest, module: str) -> bytes:
        found = self._modules.get(module)
        if found is None:
            raise no_such_path()
        return serve_file(request, found)
