"""The route of the metrics. It exists unless ``--metrics=false``."""

from __future__ import annotations

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, CONTENT_TYPE_PLAIN_1_0_0
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from twisted.web.iweb import IRequest

from gim.api.decoding import header_of
from gim.api.envelope import plain
from gim.api.openapi.describe import Access, describe
from gim.api.server.app import App
from gim.errors import Unavailable
from gim.metrics.export.page import PageSource

MEDIA = CONTENT_TYPE_PLAIN_0_0_4, CONTENT_TYPE_PLAIN_1_0_0, CONTENT_TYPE_LATEST


class MetricsRoutes:
    """Serves the page that Prometheus reads."""

    app = App()

    def __init__(self, page: PageSource) -> None:
        self._page = page

    @app.route("/metrics", methods=["GET"])
    @describe(
        "Metrics for Prometheus, as text or as OpenMetrics.",
        "health",
        access=Access.OPEN,
        media=MEDIA,
        refuses=(Unavailable,),
    )
    async def metrics(self, request: IRequest) -> bytes:
        content_type, body = await self._page.write(header_of(request, "accept"))
        return plain(request, content_type, body)
