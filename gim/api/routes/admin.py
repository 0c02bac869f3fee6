"""The routes of the administrator: docs/administration.md."""

from __future__ import annotations

from functools import partial

from twisted.web.iweb import IRequest

from gim import model
from gim.api.decoding import from_body
from gim.api.envelope import answer
from gim.api.openapi.describe import Access, describe
from gim.api.routes import admin_requests as requests
from gim.api.server.app import App
from gim.api.server.changes import name_target
from gim.chat.administration import Administration
from gim.chat.moderation import Moderation
from gim.errors import Conflict, NotFound
from gim.ids import CHATROOM, SYSTEM
from gim.model import NOTHING
from gim.wire.fields import none_if_unset

_CHATROOM = "/v1/admin/chatrooms/<chatroom_id>"
_MEMBER = f"{_CHATROOM}/members/<user_id>"
_USER = "/v1/admin/users/<user_id>"

_describe = partial(describe, group="administration", access=Access.ADMIN)


class AdminRoutes:
    """Decodes requests, calls `Administration` and `Moderation`, encodes answers."""

    app = App()

    def __init__(self, administration: Administration, moderation: Moderation) -> None:
        self._administration = administration
        self._moderation = moderation

    @app.route("/v1/admin/statistics", methods=["GET"])
    @_describe("Counts of each node, and their sums.", returns=model.Statistics)
    async def statistics(self, request: IRequest) -> bytes:
        return answer(request, await self._administration.statistics())

    # messages

    @app.route("/v1/admin/messages", methods=["POST"])
    @_describe(
        "Send as any user, or as the system.",
        returns=model.Sent,
        body=requests.SendAsRequest,
        refuses=(NotFound, Conflict),
    )
    async def send_as(self, request: IRequest) -> bytes:
        body = from_body(request, requests.SendAsRequest)
        sent = await self._administration.send(
            body.sender_id, body.type, body.target_id, body.content, body.category, body.request_id
        )
        name_target(request, body.target_id)
        return answer(request, sent)

    @app.route("/v1/admin/broadcasts", methods=["POST"])
    @_describe(
        "Push an event to all connected users.",
        returns=model.Nothing,
        body=requests.BroadcastRequest,
    )
    async def broadcast(self, request: IRequest) -> bytes:
        body = from_body(request, requests.BroadcastRequest)
        await self._administration.broadcast(body.content, body.category)
        return answer(request, NOTHING)

    @app.route(f"{_CHATROOM}/broadcasts", methods=["POST"])
    @_describe(
        "Send to a chatroom as the system.",
        returns=model.Sent,
        body=requests.ChatroomBroadcastRequest,
        refuses=(Conflict,),
    )
    async def broadcast_to_chatroom(self, request: IRequest, chatroom_id: str) -> bytes:
        body = from_body(request, requests.ChatroomBroadcastRequest)
        sent = await self._administration.send(
            "", CHATROOM, chatroom_id, body.content, body.category, body.request_id
        )
        return answer(request, sent)

    @app.route("/v1/admin/sessions/<session_id>/messages/<message_id>", methods=["DELETE"])
    @_describe("Recall a message: it stays in its place, without content.", returns=model.Nothing)
    async def recall(self, request: IRequest, session_id: str, message_id: str) -> bytes:
        await self._moderation.recall(SYSTEM, session_id, message_id)
        return answer(request, NOTHING)

    # users

    @app.route(f"{_USER}/connections", methods=["GET"])
    @_describe("The connections of a user, at any node.", returns=model.ConnectionList)
    async def connections(self, request: IRequest, user_id: str) -> bytes:
        return answer(request, await self._administration.connections(user_id))

    @app.route(f"{_USER}/connections", methods=["DELETE"])
    @_describe("Close the connections of a user, and list them.", returns=model.ConnectionList)
    async def disconnect(self, request: IRequest, user_id: str) -> bytes:
        return answer(request, await self._administration.disconnect(user_id, ""))

    @app.route(f"{_USER}/connections/<key>", methods=["DELETE"])
    @_describe("Close one connection of a user.", returns=model.ConnectionList)
    async def disconnect_one(self, request: IRequest, user_id: str, key: str) -> bytes:
        return answer(request, await self._administration.disconnect(user_id, key))

    @app.route(f"{_USER}/ban", methods=["GET"])
    @_describe("Since when and until when a user is banned.", returns=model.Ban)
    async def ban_of(self, request: IRequest, user_id: str) -> bytes:
        return answer(request, await self._administration.ban_of(user_id))

    @app.route(f"{_USER}/ban", methods=["PUT"])
    @_describe(
        "Ban a user for a time: no logins, no connections, no tokens.",
        returns=model.Until,
        body=requests.BanRequest,
    )
    async def ban(self, request: IRequest, user_id: str) -> bytes:
        body = from_body(request, requests.BanRequest)
        return answer(request, await self._administration.ban(user_id, body.seconds))

    @app.route(f"{_USER}/ban", methods=["DELETE"])
    @_describe("End a ban.", returns=model.Nothing)
    async def unban(self, request: IRequest, user_id: str) -> bytes:
        await self._administration.unban(user_id)
        return answer(request, NOTHING)

    # chatrooms

    @app.route(_CHATROOM, methods=["PUT"])
    @_describe(
        "Create a chatroom that stays until it is dismissed.",
        returns=model.Nothing,
        body=requests.CreateChatroomRequest,
        refuses=(Conflict,),
    )
    async def create_chatroom(self, request: IRequest, chatroom_id: str) -> bytes:
        body = from_body(request, requests.CreateChatroomRequest)
        await self._administration.create(chatroom_id, body.name, body.owner_id)
        return answer(request, NOTHING)

    @app.route(_CHATROOM, methods=["PATCH"])
    @_describe("Rename a chatroom.", returns=model.Nothing, body=requests.RenameChatroomRequest)
    async def rename_chatroom(self, request: IRequest, chatroom_id: str) -> bytes:
        body = from_body(request, requests.RenameChatroomRequest)
        await self._moderation.rename(SYSTEM, chatroom_id, body.name)
        return answer(request, NOTHING)

    @app.route(_CHATROOM, methods=["DELETE"])
    @_describe("End a chatroom, with its memberships and messages.", returns=model.Nothing)
    async def dismiss_chatroom(self, request: IRequest, chatroom_id: str) -> bytes:
        await self._moderation.dismiss(SYSTEM, chatroom_id)
        return answer(request, NOTHING)

    @app.route(_MEMBER, methods=["PUT"])
    @_describe(
        "Make a user a member of a chatroom, or give a member another role.",
        returns=model.Joined,
        body=requests.MemberRequest,
    )
    async def add_member(self, request: IRequest, chatroom_id: str, user_id: str) -> bytes:
        body = from_body(request, requests.MemberRequest)
        joined = await self._administration.add_member(chatroom_id, user_id, none_if_unset(body.role))
        return answer(request, joined)

    @app.route(_MEMBER, methods=["DELETE"])
    @_describe("End a membership.", returns=model.Nothing)
    async def remove_member(self, request: IRequest, chatroom_id: str, user_id: str) -> bytes:
        await self._moderation.remove(SYSTEM, chatroom_id, user_id)
        return answer(request, NOTHING)

    @app.route(f"{_MEMBER}/mute", methods=["PUT"])
    @_describe("Mute a member for a time.", returns=model.Until, body=requests.MuteMemberRequest)
    async def mute(self, request: IRequest, chatroom_id: str, user_id: str) -> bytes:
        body = from_body(request, requests.MuteMemberRequest)
        muted = await self._moderation.mute(SYSTEM, chatroom_id, user_id, body.seconds)
        return answer(request, muted)

    @app.route(f"{_MEMBER}/mute", methods=["DELETE"])
    @_describe("End a mute.", returns=model.Until)
    async def unmute(self, request: IRequest, chatroom_id: str, user_id: str) -> bytes:
        return answer(request, await self._moderation.mute(SYSTEM, chatroom_id, user_id, 0))
