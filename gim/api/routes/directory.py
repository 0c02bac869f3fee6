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
from gim.errors import BadRequest
from gim.inspection.chatroom_directory import ChatroomDirectory
from gim.wire.fields import none_if_unset

_CHATROOM = "/v1/admin/chatrooms/<chatroom_id>"
_USER = "/v1/admin/users/<user_id>"

_describe = partial(describe, group="administration", access=Access.ADMIN)


class DirectoryRoutes:
    """Decodes requests, calls `Directory` and `ChatroomDirectory`, encodes answers."""

    app = App()

    def __init__(
        self, directory: Directory, chatrooms: ChatroomDirectory, options: model.ServerOptions
    ) -> None:
        self._directory = directory
        self._chatrooms = chatrooms
        self._options = options

    @app.route("/v1/admin/options", methods=["GET"])
    @_describe("The options of the server, without secrets.", returns=model.ServerOptions)
    async def options(self, request: IRequest) -> bytes:
        return answer(request, self._options)

    # users

    @app.route("/v1/admin/users", methods=["GET"])
    @_describe("All users, or those who are online.", returns=model.UserPage, query=queries.UsersQuery)
    async def find_users(self, request: IRequest) -> bytes:
        query = from_query(request, queries.UsersQuery)
        page = await self._directory.find_users(query.prefix, query.count, query.cursor, query.online)
        return answer(request, page)

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

    # chatrooms

    @app.route("/v1/admin/chatrooms", methods=["GET"])
    @_describe("All chatrooms, or the busiest.", returns=model.ChatroomPage, query=queries.ChatroomsQuery)
    async def find_chatrooms(self, request: IRequest) -> bytes:
        query = from_query(request, queries.ChatroomsQuery)
        if query.sort == "id":
            return answer(request, await self._chatrooms.find(query.prefix, query.count, query.cursor))
        if query.cursor:
            raise BadRequest("cursor: leave it out, as the busiest chatrooms come in one page")
        return answer(request, await self._chatrooms.busiest(query.prefix, query.count, query.sort))

    @app.route(_CHATROOM, methods=["GET"])
    @_describe("A chatroom, with what happens there now.", returns=model.ChatroomInfo)
    async def chatroom(self, request: IRequest, chatroom_id: str) -> bytes:
        return answer(request, await self._chatrooms.get(chatroom_id))

    @app.route(f"{_CHATROOM}/members", methods=["GET"])
    @_describe(
        "The members of any chatroom, in order of id.",
        returns=model.MemberPage,
        query=queries.MembersQuery,
    )
    async def members_of_chatroom(self, request: IRequest, chatroom_id: str) -> bytes:
        query = from_query(request, queries.MembersQuery)
        return answer(request, await self._chatrooms.members(chatroom_id, query.count, query.cursor))

    # messages

    @app.route("/v1/admin/sessions/<session_id>/messages", methods=["GET"])
    @_describe(
        "The newest messages of any session, or those just before one.",
        returns=model.History,
        query=queries.MessagesQuery,
    )
    async def messages_of_session(self, request: IRequest, session_id: str) -> bytes:
        query = from_query(request, queries.MessagesQuery)
        before = none_if_unset(query.before)
        return answer(request, await self._directory.history(session_id, query.count, before))
