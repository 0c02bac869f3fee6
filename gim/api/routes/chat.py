"""The routes of users: docs/http.md. They call the same `Chat` as the gateway."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from twisted.web.iweb import IRequest

from gim import model
from gim.api.decoding import from_body, from_query
from gim.api.envelope import answer
from gim.api.openapi.describe import Access, describe
from gim.api.routes.inputs import LoginBody
from gim.api.server.app import App
from gim.chat.chat import Chat
from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.errors import (
    Conflict,
    Forbidden,
    NotFound,
    NotReady,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from gim.model import NOTHING, User
from gim.wire import requests
from gim.wire.fields import none_if_unset


class ChatRoutes:
    """Decodes requests, calls the chat, encodes answers."""

    app = App()

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def _answer(self, request: IRequest, user: User, page: Struct) -> bytes:
        """Answer with a page, and count how long it is."""
        body = answer(request, page)
        self._chat.count_read(user.id, len(body))
        return body

    @app.route("/v1/login", methods=["POST"])
    @describe(
        "Log in, with a login token if the server requires one; returns a token for up to a day.",
        "users",
        access=Access.OPEN,
        returns=model.Credentials,
        body=LoginBody,
        refuses=(Unauthorized, Forbidden, TooManyRequests, Unavailable),
    )
    async def login(self, request: Any) -> bytes:
        request.site.access.check_started()
        await request.site.count_login(request)
        body = from_body(request, LoginBody)
        who = self._chat.identify(body.id, none_if_unset(body.name), none_if_unset(body.token))
        return answer(request, await self._chat.credentials(who))

    @app.route("/v1/users/<user_id>", methods=["GET"])
    @describe(
        "A user, and whether they are online.", "users", access=Access.USER, returns=model.UserState
    )
    async def user(self, request: IRequest, user: User, user_id: str) -> bytes:
        return answer(request, await self._chat.user(user_id))

    @app.route("/v1/messages", methods=["POST"])
    @describe(
        "Send a message.",
        "messages",
        access=Access.USER,
        returns=model.Sent,
        body=requests.SendRequest,
        refuses=(NotFound, Conflict, TooManyRequests),
    )
    async def send(self, request: Any, user: User) -> bytes:
        body = from_body(request, requests.SendRequest)
        sent = await self._chat.send(
            user,
            body.type,
            body.target_id,
            body.content,
            body.category,
            body.request_id,
            answer_by=request.began + ANSWER_TIMEOUT,
        )
        return answer(request, sent)

    @app.route("/v1/sessions", methods=["GET"])
    @describe(
        "Your sessions, the newest conversation first.",
        "sessions",
        access=Access.USER,
        returns=model.SessionPage,
        query=requests.SessionsRequest,
        refuses=(TooManyRequests,),
    )
    async def sessions(self, request: IRequest, user: User) -> bytes:
        query = from_query(request, requests.SessionsRequest)
        kind = none_if_unset(query.session_type)
        page = await self._chat.sessions(user.id, query.count, query.cursor, kind)
        return self._answer(request, user, page)

    @app.route("/v1/sessions/<session_id>/messages", methods=["GET"])
    @describe(
        "The newest messages of a session, or those just before one.",
        "sessions",
        access=Access.USER,
        returns=model.History,
        query=requests.HistoryRequest,
        refuses=(TooManyRequests,),
    )
    async def history(self, request: IRequest, user: User, session_id: str) -> bytes:
        query = from_query(request, requests.HistoryRequest, session_id=session_id)
        before = none_if_unset(query.message_id)
        page = await self._chat.history(user.id, query.session_id, query.count, before)
        return self._answer(request, user, page)

    @app.route("/v1/sessions/<session_id>/read", methods=["POST"])
    @describe(
        "Mark a session as read up to a message.",
        "sessions",
        access=Access.USER,
        returns=model.Unread,
        body=requests.MarkReadRequest,
    )
    async def mark_read(self, request: IRequest, user: User, session_id: str) -> bytes:
        body = from_body(request, requests.MarkReadRequest, session_id=session_id)
        unread = await self._chat.mark_read(user.id, body.session_id, body.message_id)
        return answer(request, unread)

    @app.route("/v1/chatrooms/<chatroom_id>/members/me", methods=["PUT"])
    @describe(
        "Join a chatroom; it is created if it does not exist.",
        "chatrooms",
        access=Access.USER,
        returns=model.Joined,
        body=requests.JoinRequest,
        refuses=(Conflict,),
    )
    async def join(self, request: IRequest, user: User, chatroom_id: str) -> bytes:
        body = from_body(request, requests.JoinRequest, id=chatroom_id)
        return answer(request, await self._chat.join(user, body.id, body.name))

    @app.route("/v1/chatrooms/<chatroom_id>/members/me", methods=["DELETE"])
    @describe("Leave a chatroom.", "chatrooms", access=Access.USER, returns=model.Nothing)
    async def leave(self, request: IRequest, user: User, chatroom_id: str) -> bytes:
        await self._chat.leave(user.id, chatroom_id)
        return answer(request, NOTHING)

    @app.route("/v1/chatrooms/<chatroom_id>/members", methods=["GET"])
    @describe(
        "The members of a chatroom, in order of id.",
        "chatrooms",
        access=Access.USER,
        returns=model.MemberPage,
        query=requests.MembersRequest,
        refuses=(TooManyRequests,),
    )
    async def members(self, request: IRequest, user: User, chatroom_id: str) -> bytes:
        query = from_query(request, requests.MembersRequest, id=chatroom_id)
        page = await self._chat.members(user.id, query.id, query.count, query.cursor)
        return self._answer(request, user, page)

    @app.route("/healthz", methods=["GET"])
    @describe("Whether the process is alive.", "health", access=Access.OPEN, returns=model.Nothing)
    async def alive(self, request: IRequest) -> bytes:
        return answer(request, NOTHING)

    @app.route("/readyz", methods=["GET"])
    @describe(
        "Whether it can serve: not starting, stopping or overloaded, and the storage answers.",
        "health",
        access=Access.OPEN,
        returns=model.Readiness,
        refuses=(NotReady,),
    )
    async def ready(self, request: IRequest) -> bytes:
        return answer(request, await self._chat.check_ready())
