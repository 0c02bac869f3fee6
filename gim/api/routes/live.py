"""The route of the live figures."""

from __future__ import annotations

from msgspec import Struct
from twisted.web.iweb import IRequest

from gim.api.decoding import from_query
from gim.api.envelope import answer
from gim.api.openapi.describe import EVENTS, JSON, Access, describe
from gim.api.server.app import App
from gim.api.server.event_stream import EventStream
from gim.errors import TooManyRequests
from gim.inspection.live import LiveFigures, LiveSample


class LiveQuery(Struct):
    """Whether one answer is wanted instead of events."""

    once: bool = False


class LiveRoutes:
    """Sends the figures of all nodes as events."""

    app = App()

    def __init__(self, figures: LiveFigures) -> None:
        self._figures = figures

    @app.route("/v1/admin/live", methods=["GET"])
    @describe(
        "Live figures of all nodes: an event `history`, then each second an event `sample`. With `once`"
        " the newest sample as JSON.",
        "administration",
        access=Access.CONSOLE,
        returns=LiveSample,
        media=(JSON, EVENTS),
        query=LiveQuery,
        refuses=(TooManyRequests,),
    )
    async def live(self, request: IRequest) -> EventStream | bytes:
        if from_query(request, LiveQuery).once:
            return answer(request, await self._figures.newest())
        history = await self._figures.history()
        stream = EventStream(request)
        stream.send("history", history)
        self._figures.follow(stream)
        return stream
