"""Catching up: the private messages a connection missed, at the pace of its socket."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import takewhile

from gim.model import Message, Push, SessionHead
from gim.names import PRIVATE

LIMIT = 1000  # messages that one login catches up on at most
PER_PUSH = 100  # messages of one push at most


class CatchUp:
    """What waits for one connection: missed messages oldest first, and new pushes behind them."""

    __slots__ = ("_held", "_missed", "_titles")

    def __init__(self) -> None:
        self._missed: deque[Message] = deque()
        self._titles: dict[str, str] = {}
        self._held: list[Push] = []

    def begin(self, messages: list[Message], titles: dict[str, str]) -> None:
        """Take what was missed. A message that came by as new in the meantime is pushed once."""
        self._missed.extend(messages)
        self._titles = titles
        known = {message.id for message in messages}
        self._held = [push for push in self._held if push.items[0].id not in known]

    def hold(self, push: Push) -> None:
        """Keep a new push until what was missed has been written."""
        self._held.append(push)

    def next(self) -> Push | None:
        """Return the next push: the oldest missed messages that follow each other in one session."""
        if not self._missed:
            return None
        session_id = self._missed[0].session_id
        run = takewhile(lambda message: message.session_id == session_id, self._missed)
        items = [message for message, _ in zip(run, range(PER_PUSH), strict=False)]
        for _ in items:
            self._missed.popleft()
        return Push(SessionHead(session_id, PRIVATE, self._titles[session_id]), items)

    def release(self, write: Callable[[Push], None]) -> None:
        """Write what was held back."""
        for push in self._held:
            write(push)
        self._held.clear()
