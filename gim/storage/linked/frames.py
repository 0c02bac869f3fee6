"""Announcements as frames of a link."""

from __future__ import annotations

from gim.link.frames import encode
from gim.storage.announcements import (
    Announcement,
    Broadcast,
    ConnectionCommand,
    MemberLeft,
    MessageStored,
    SessionEvent,
)
from gim.storage.linked import calls


class NewsFrames:
    """Makes frames of announcements, one frame for all workers that get the same one after the other."""

    __slots__ = ("_frame", "_news")

    def __init__(self) -> None:
        self._news: Announcement | None = None
        self._frame = b""

    def frame_of(self, news: Announcement) -> bytes:
        """Return the frame of an announcement, apart from `MemberJoined`, which differs by worker."""
        if news is not self._news:
            self._frame = encode(_message_of(news) if isinstance(news, MessageStored) else _wrapped(news))
            self._news = news
        return self._frame


def _message_of(news: MessageStored) -> calls.MessageNews:
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


def _wrapped(
    news: Announcement,
) -> calls.MemberLeftNews | calls.SessionEventNews | calls.BroadcastNews | calls.CommandNews:
    if isinstance(news, MemberLeft):
        return calls.MemberLeftNews(news)
    if isinstance(news, SessionEvent):
        return calls.SessionEventNews(news)
    if isinstance(news, Broadcast):
        return calls.BroadcastNews(news)
    if isinstance(news, ConnectionCommand):
        return calls.CommandNews(news)
    raise TypeError(f"the memory store does not announce {type(news).__name__}")
