"""Announcements as messages of a link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from gim.link.frames import encode
from gim.storage.announcements import (
    Announcement,
    Broadcast,
    ConnectionCommand,
    MemberLeft,
    MessageStored,
    NodeMessage,
    SessionEvent,
)
from gim.storage.linked import calls


class EncodedNews:
    """Encodes announcements, once for all workers that get the same one after the other."""

    __slots__ = ("_encoded", "_news")

    def __init__(self) -> None:
        self._news: Announcement | None = None
        self._encoded = b""

    def encoded(self, news: Announcement) -> bytes:
        """Return an announcement as a message, apart from `MemberJoined`, which differs by worker."""
        if news is not self._news:
            self._encoded = encode(_MESSAGES[type(news)](news))
            self._news = news
        return self._encoded


def _message_news(news: MessageStored) -> calls.MessageNews:
    message = news.message
    sender = message.sender
    return calls.MessageNews(
        message.id,
        message.session_id,
        sender.id,
        sender.name,
        message.category,
        message.content,
        message.sequence,
        message.status,
        message.created_at,
        news.title,
        news.origin,
        news.reader,
    )


# what the memory store announces
_MESSAGES: dict[type[Announcement], Callable[[Any], Struct]] = {
    MessageStored: _message_news,
    MemberLeft: calls.MemberLeftNews,
    SessionEvent: calls.SessionEventNews,
    Broadcast: calls.BroadcastNews,
    ConnectionCommand: calls.CommandNews,
    NodeMessage: calls.NodeMessageNews,
}
