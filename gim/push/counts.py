"""Counts of pushes."""

from __future__ import annotations


class PushCounts:
    """Counts pushes by kind, once for each connection that one was written to, and their messages.

    A private push of a new message holds one message.
    """

    __slots__ = (
        "caught_up",
        "caught_up_messages",
        "chatroom",
        "chatroom_messages",
        "events",
        "private",
        "skipped_by_interval",
        "skipped_by_slow_reader",
    )

    def __init__(self) -> None:
        self.private = 0
        self.caught_up = 0  # pushes of messages that a login had missed
        self.caught_up_messages = 0
        self.chatroom = 0
        self.chatroom_messages = 0
        self.events = 0
        self.skipped_by_interval = 0  # messages, once for each connection
        self.skipped_by_slow_reader = 0

    def chatroom_push(self, connections: int, messages: int, skipped: int) -> None:
        """Count a chatroom push to a number of connections; its interval *skipped* so many messages."""
        self.chatroom += connections
        self.chatroom_messages += connections * messages
        self.skipped_by_interval += connections * skipped
