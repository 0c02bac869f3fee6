"""The store of the parent process, as a worker uses it over its link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.clocks import WallClock
from gim.ids import session
from gim.link.channel import Channel
from gim.model import Message, User
from gim.storage.announcements import Announcement, MemberJoined, MessageStored
from gim.storage.interface import Listener
from gim.storage.linked import calls
from gim.storage.linked.chatrooms import LinkedChatrooms
from gim.storage.linked.long_answers import LongAnswers
from gim.storage.linked.marks import DeliveryMarks
from gim.storage.linked.messages import LinkedMessages
from gim.storage.linked.moderation import LinkedModeration
from gim.storage.linked.nodes import LinkedNodes, LinkedWebhookLog
from gim.storage.linked.subscriptions import Grants
from gim.storage.linked.users import LinkedUsers

_NEWS: tuple[type[Struct], ...] = (
    calls.MemberLeftNews,
    calls.SessionEventNews,
    calls.BroadcastNews,
    calls.CommandNews,
    calls.NodeMessageNews,
)


def _to_no_one(news: Announcement) -> None:
    pass


class LinkedStore:
    """Implements `gim.storage.interface.Storage` by `gim.storage.linked.server.StoreServer`.

    A call is one question, or a message without an answer. All workers are one node. A link that ends,
    ends the worker too.
    """

    keeps_order = True
    rows_per_subscription = 1
    subscribes_new_members = True
    outlives_process = False

    def __init__(
        self,
        channel: Channel,
        clock: IReactorTime,
        wall: WallClock,
        *,
        node: str,
        listener: str,
        token_key: bytes,
    ) -> None:
        """The *channel* takes `gim.storage.linked.calls.TO_WORKER`. *node* and *token_key* are those of
        the parent's store, for as long as it lives; *listener* is its name for this worker's."""
        self.node = node
        self.listener = listener
        self._token_key = token_key
        self._epoch = ""  # until the parent's store serves
        self._serves: Deferred[None] = Deferred()  # fires then
        self._channel = channel
        self._announce: Callable[[Announcement], None] = _to_no_one
        self._marks = marks = DeliveryMarks(channel, clock)
        self._grants = grants = Grants(channel, clock)
        long_answers = LongAnswers(channel)
        self.users = LinkedUsers(channel, clock, marks, grants, long_answers)
        self.messages = LinkedMessages(channel, clock, wall, marks, long_answers)
        self.chatrooms = LinkedChatrooms(channel, grants, long_answers)
        self.moderation = LinkedModeration(channel)
        self.nodes = LinkedNodes(channel)
        self.webhook_log = LinkedWebhookLog(channel)
        channel.handle(calls.MessageNews, self._on_message)
        channel.handle(calls.MemberJoinedNews, self._on_member_joined)
        channel.handle(calls.StoreServes, self._on_serves)
        for kind in _NEWS:
            channel.handle(kind, self._on_news)

    async def start(self, listener: Listener) -> None:
        self._announce = listener.on_announcement
        await self._serves

    async def stop(self) -> None:
        self._marks.flush()
        self._announce = _to_no_one

    async def ping(self) -> tuple[str, ...]:
        return await self._channel.ask(calls.PingStore(), tuple[str, ...])

    async def epoch(self) -> str:
        return self._epoch

    def token_key(self) -> bytes:
        return self._token_key

    def _on_serves(self, news: calls.StoreServes) -> None:
        self._epoch = news.epoch
        self._serves.callback(None)

    def _on_message(self, news: calls.MessageNews) -> None:
        message = Message(
            news.id,
            news.session_id,
            User(news.sender_id, news.sender_name),
            news.category,
            news.content,
            news.sequence,
            news.status,
            news.created_at,
        )
        self._announce(
            MessageStored(message, session(news.session_id), news.title, news.origin, news.reader)
        )

    def _on_news(self, wrapped: Any) -> None:  # one of `_NEWS`
        self._announce(wrapped.news)

    def _on_member_joined(self, news: calls.MemberJoinedNews) -> None:
        self._grants.note(news)
        self._announce(MemberJoined(news.user_id, news.chatroom_id))
