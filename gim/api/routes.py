"""The routes of the HTTP API, docs/protocol.md, section 8: each asks the same `Chat` as the gateway."""

from __future__ import annotations

from typing import Any, cast

from klein import Klein
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug import exceptions

from gim.api.envelope import answer, refuse
from gim.api.fields import from_body, from_query, header_of, token_of
from gim.chat.chat import Chat
from gim.errors import BadRequest, GimError, InternalError, MethodNotAllowed, NotFound
from gim.logs import Logger, new_trace, traced
from gim.metrics.page import MetricsPage
from gim.model import NOTHING, User
from gim.wire import requests
from gim.wire.requests import given


class _App(Klein):
    """Tells the request which route it took."""

    def execute_endpoint(self, endpoint: str, request: Any, *args: Any, **kwargs: Any) -> Any:
        request.op = endpoint
        return super().execute_endpoint(endpoint, request, *args, **kwargs)


class Routes:
    """Decodes, asks, answers."""

    app = _App()
    app.url_map.merge_slashes = False  # a path with // is an unknown one, not a redirect
    _log = Logger()

    def __init__(self, chat: Chat, metrics: MetricsPage | None = None) -> None:
        """*metrics* is the page of them, where there is one."""
        self._chat = chat
        self._metrics = metrics

    async def _user(self, request: IRequest) -> User:
        return await self._chat.bearer(token_of(request))

    @app.route("/v1/login", methods=["POST"])
    async def login(self, request: IRequest) -> bytes:
        body = from_body(request, requests.LoginRequest)
        return answer(request, await self._chat.credentials(body.id, given(body.name)))

    @app.route("/v1/users/<user_id>", methods=["GET"])
    async def user(self, request: IRequest, user_id: str) -> bytes:
        await self._user(request)
        return answer(request, await self._chat.user(user_id))

    @app.route("/v1/messages", methods=["POST"])
    async def send(self, request: IRequest) -> bytes:
        user = await self._user(request)
        body = from_body(request, requests.SendRequest)
        sent = await self._chat.send(
            user, body.type, body.target_id, body.content, body.category, body.request_id
        )
        return answer(request, sent)

    @app.route("/v1/sessions", methods=["GET"])
    async def sessions(self, request: IRequest) -> bytes:
        user = await self._user(request)
        query = from_query(request, requests.SessionsRequest)
        kind = given(query.session_type)
        page = await self._chat.sessions(user.id, query.count, query.cursor, kind)
        return answer(request, page)

    @app.route("/v1/sessions/<session_id>/messages", methods=["GET"])
    async def history(self, request: IRequest, session_id: str) -> bytes:
        user = await self._user(request)
        query = from_query(request, requests.HistoryRequest, session_id=session_id)
        before = given(query.message_id)
        page = await self._chat.history(user.id, query.session_id, query.count, before)
        return answer(request, page)

    @app.route("/v1/sessions/<session_id>/read", methods=["POST"])
    async def mark_read(self, request: IRequest, session_id: str) -> bytes:
        user = await self._user(request)
        body = from_body(request, requests.MarkReadRequest, session_id=session_id)
        unread = await self._chat.mark_read(user.id, body.session_id, body.message_id)
        return answer(request, unread)

    @app.route("/v1/chatrooms/<chatroom_id>/members/me", methods=["PUT"])
    async def join(self, request: IRequest, chatroom_id: str) -> bytes:
        user = await self._user(request)
        body = from_body(request, requests.JoinRequest, id=chatroom_id)
        return answer(request, await self._chat.join(user, body.id, body.name))

    @app.route("/v1/chatrooms/<chatroom_id>/members/me", methods=["DELETE"])
    async def leave(self, request: IRequest, chatroom_id: str) -> bytes:
        user = await self._user(request)
        await self._chat.leave(user.id, chatroom_id)
        return answer(request, NOTHING)

    @app.route("/v1/chatrooms/<chatroom_id>/members", methods=["GET"])
    async def members(self, request: IRequest, chatroom_id: str) -> bytes:
        user = await self._user(request)
        query = from_query(request, requests.MembersRequest, id=chatroom_id)
        page = await self._chat.members(user.id, query.id, query.count, query.cursor)
        return answer(request, page)

    @app.route("/healthz", methods=["GET"])
    async def alive(self, request: IRequest) -> bytes:
        return answer(request, NOTHING)

    @app.route("/readyz", methods=["GET"])
    async def ready(self, request: IRequest) -> bytes:
        await self._chat.check_ready()
        return answer(request, NOTHING)

    @app.route("/metrics", methods=["GET"])
    async def metrics(self, request: IRequest) -> bytes:
        if self._metrics is None:
            raise no_such_path()
        page = self._metrics.write(header_of(request, "accept"))
        request.setHeader(b"Content-Type", page.content_type.encode())
        return page.body

    @app.handle_errors(GimError)
    def refused(self, request: IRequest, failure: Failure) -> bytes:
        return refuse(request, cast(GimError, failure.value))

    @app.handle_errors(exceptions.MethodNotAllowed)
    def wrong_method(self, request: IRequest, failure: Failure) -> bytes:
        methods = cast(exceptions.MethodNotAllowed, failure.value).valid_methods or ()
        return refuse(request, MethodNotAllowed(", ".join(sorted(methods))))

    @app.handle_errors(exceptions.HTTPException)
    def unknown_path(self, request: IRequest, failure: Failure) -> bytes:
        return refuse(request, no_such_path())

    @app.handle_errors(Exception)
    def failed(self, request: IRequest, failure: Failure) -> bytes:
        return refuse(request, fault(request, failure))


def operations() -> list[str]:
    """Return the names of all routes."""
    return list(Routes.app.endpoints)


def no_such_path() -> NotFound:
    """Return the refusal of a path that has no route."""
    return NotFound("no such path: see docs/protocol.md, section 8, for those there are")


def undecodable_path() -> BadRequest:
    """Return the refusal of a path or method that is not text."""
    return BadRequest("want a path in percent-encoded UTF-8 and a method in ASCII")


def fault(request: IRequest, failure: Failure) -> InternalError:
    """Log a fault of the server and return what the client learns of it."""
    trace = getattr(request, "trace", "") or new_trace()
    with traced(trace):
        Routes._log.failure(
            "serving {method} {path} failed", failure, method=request.method, path=request.path
        )
    return InternalError(trace)
