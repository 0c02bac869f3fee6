"""The routes by which the administrator looks things up: docs/administration.md."""

from __future__ import annotations

from functools import partial

from twisted.web.iweb import IRequest

from gim import model
from gim.api.decoding import from_query
from gim.api.envelope import answer
from gim.api.openapi.describe import Access, describe
from gim.api.routes import admin_queries as queries
from gim.api.server.app import App
from gim.chat.directory import Directory
from gim.wire.fields import none_if_unset

_USER = "/v1/admin/users/<user_id>"

_describe = partial(describe, group="administration", access=Access.ADMIN)


class DirectoryRoutes:
    """Decodes requests, calls `Directory`, encodes answers."""

    app = App()

    def __init__(self, directory: Directory, options: model.ServerOptions) -> None:
        self._directory = directory
        self._options = options

    @app.route("/v1/admin/options", methods=["GET"])
    @_describe("The options of the server, without secrets.", returns=model.ServerOptions)
    async def options(self, request: IRequest) -> bytes:
        return answer(request, self._options)

    # users

    @app.route(_USER, methods=["GET"])
    @_describe("A user, with chatrooms, ban and connections.", returns=model.UserDetails)
    async def user_details(self, request: IRequest, user_id: str) -> bytes:
        return answer(request, await self._directory.user(user_id))

    @app.route(f"{_USER}/sessions", methods=["GET"])
    @_describe(
        "The sessions of a user, the newest conversation first.",
        returns=model.SessionPage,
        query=queries.SessionsQuery,
    )
    async def sessions_of_user(self, request: IRequest, user_id: str) -> bytes:
        query = from_query(request, queries.SessionsQuery)
        kind = none_if_unset(query.type)
        return answer(request, await self._directory.sessions(user_id, query.count, query.cursor, kind))
