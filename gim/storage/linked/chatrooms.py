"""Chatrooms of the parent's store."""

from __future__ import annotations

from gim.link.channel import Channel
from gim.model import ChatroomState, Member, User
from gim.storage.interface import MembershipObserver
from gim.storage.linked import calls
from gim.storage.linked.long_answers import LongAnswers
from gim.storage.linked.subscriptions import Grants


class LinkedChatrooms:
    """Implements `gim.storage.interface.Chatrooms`."""

    def __init__(self, channel: Channel, grants: Grants, long_answers: LongAnswers) -> None:
        self._channel = channel
        self._ask = channel.ask
        self._grants = grants
        self._long_answers = long_answers

    async def create(self, chatroom_id: str, name: str, owner: User | None) -> None:
        question = calls.Create(chatroom_id=chatroom_id, name=name, owner=owner)
        await self._ask(question, type(None))

    async def join(self, chatroom_id: str, user: User, name: str, create_missing: bool = True) -> int:
        question = calls.Join(
            chatroom_id=chatroom_id, user=user, name=name, create_missing=create_missing
        )
        return (await self._grants.ask(question, calls.Granted)).members

    async def leave(self, chatroom_id: str, user_id: str) -> None:
        await self._ask(calls.Leave(chatroom_id=chatroom_id, user_id=user_id), type(None))

    async def members(
        self, chatroom_id: str, reader: str, after: str, count: int
    ) -> tuple[list[Member], int, bool]:
        question = calls.Members(chatroom_id=chatroom_id, reader=reader, after=after, count=count)
        return await self._long_answers.ask(question, tuple[list[Member], int, bool])

    async def get(self, chatroom_id: str) -> ChatroomState:
        return await self._ask(calls.GetChatroom(chatroom_id=chatroom_id), ChatroomState)

    async def find(self, prefix: str, cursor: str, count: int) -> tuple[list[ChatroomState], str]:
        question = calls.FindChatrooms(prefix=prefix, cursor=cursor, count=count)
        return await self._long_answers.ask(question, tuple[list[ChatroomState], str])

    async def of_user(self, user_id: str) -> list[str]:
        return await self._ask(calls.ChatroomsOf(user_id=user_id), list[str])

    async def subscribe(self, chatroom_id: str) -> None:
        await self._grants.ask(calls.Subscribe(chatroom_id=chatroom_id), calls.Granted)

    def unsubscribe(self, chatroom_id: str) -> None:
        """See `gim.storage.interface.Chatrooms.unsubscribe`.

        A subscription that the store has made meanwhile stays: what tells this worker of it is under way.
        """
        self._channel.send(calls.Unsubscribe(chatroom_id, self._grants.seen))

    def observe(self, observer: MembershipObserver) -> None:
        """Report every membership that begins or ends in the store.

        The store has one observer. Webhooks run beside it, so no part of a worker calls this.
        """

        def observed(change: calls.Observed) -> None:
            if (news := change.joined or change.left) is not None:
                observer.on_announcement(news)

        self._channel.handle(calls.Observed, observed)
        self._channel.send(calls.Observe())
