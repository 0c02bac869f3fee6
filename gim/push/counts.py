"""What was pushed, as plain numbers."""

from __future__ import annotations


class PushCounts:
    """Pushes by kind, each counted once for every connection that it was written to; and the messages
    in them. A private push of a message that is new holds one."""

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
        self.caught_up = 0  # pushes of what a login had missed
        self.caught_up_messages = 0
        self.chatroom = 0
        self.chatroom_messages = 0
        self.events = 0
        self.skipped_by_interval = 0  # messages that a connection did not get
        self.skipped_by_slow_reader = 0

    def chatroom_push(self, connections: int, messages: int, skipped: int) -> None:
        """Count a chatroom push that was written to some connections; *skipped* by its interval."""
        self.chatroom += connections
        self.chatroom_messages += connections * messages
        self.skipped_by_interval += connections * skipped
