"""The routes that describe the API: its OpenAPI document, and a page that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec
from twisted.web.iweb import IRequest

from gim.api.envelope import plain
from gim.api.openapi import document, html
from gim.api.openapi.describe import HTML, JSON, Access, RouteSet, describe
from gim.api.server.app import App

_POLICY = b"frame-ancestors 'none'"  # other sites must not show the page as theirs


class Documents:
    """Describes sets of routes, itself included."""

    app = App()

    def __init__(self, described: Sequence[RouteSet], trace_header: str) -> None:
        self._described = [*described, self]
        self._trace_header = trace_header

    @cached_property
    def _document(self) -> dict[str, Any]:
        return document.document(self._described, self._trace_header)

    @cached_property
    def _page(self) -> bytes:
        return html.reference(self._document)

    @app.route("/openapi.json", methods=["GET"])
    @describe("This document.", "documents", access=Access.OPEN, media=(JSON,))
    async def openapi(self, request: IRequest) -> bytes:
        return plain(request, JSON, msgspec.json.encode(self._document))

    @app.route("/docs", methods=["GET"])
    @describe("This document as a page for people.", "documents", access=Access.OPEN, media=(HTML,))
    async def docs(self, request: IRequest) -> bytes:
        request.setHeader(b"Content-Security-Policy", _POLICY)
        return plain(request, HTML, self._page)
