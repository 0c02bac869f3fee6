"""How much of each log is live, and which logs hold what must leave the disk."""

from __future__ import annotations

from bisect import bisect_right

from msgspec import Struct

from gim.journal.records import HEADER_SIZE
from gim.model import Message
from gim.storage.durable.effects import MESSAGE, encode


class LogContent(Struct):
    """The messages of one log: the smallest and the largest of their ids, "" without any, and how many
    live.

    ``to_erase`` says that there is content of recalled messages, or of chatrooms that ended.
    """

    number: int
    size: int = 0  # bytes of the file
    first_id: str = ""
    last_id: str = ""
    messages: int = 0
    live_bytes: int = 0
    to_erase: bool = False

    def add(self, first_id: str, last_id: str, messages: int, live_bytes: int) -> None:
        """Count messages that live, by their smallest and their largest id."""
        self.first_id = min(self.first_id or first_id, first_id)
        self.last_id = max(self.last_id, last_id)
        self.messages += messages
        self.live_bytes += live_bytes


class Contents:
    """The logs in the order of their numbers, which is that of the ids in them."""

    def __init__(self, logs: list[LogContent]) -> None:
        self.logs = logs
        self._filled = [log for log in logs if log.first_id]
        self._first_ids = [log.first_id for log in self._filled]

    def dead(self, message: Message, to_erase: bool = False) -> None:
        """Take a message that does not live off the log that has it."""
        if (log := self._log_of(message.id)) is not None:
            log.messages -= 1
            log.live_bytes = max(0, log.live_bytes - size_of(message))
            log.to_erase = log.to_erase or to_erase

    def recalled(self, message_id: str) -> None:
        """Note that the content of a recalled message is in a log."""
        if (log := self._log_of(message_id)) is not None:
            log.to_erase = True

    def _log_of(self, message_id: str) -> LogContent | None:
        place = bisect_right(self._first_ids, message_id)
        return self._filled[place - 1] if place else None


def size_of(message: Message) -> int:
    """Return the bytes of a message's record, without a ``request_id``."""
    sender = message.sender
    ids = MESSAGE, message.id, message.session_id, sender.id, sender.name
    rest = message.category, message.content, message.sequence, "", message.status
    return HEADER_SIZE + len(encode((*ids, *rest)))
