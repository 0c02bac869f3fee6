"""How much of each log is live, and which logs hold content that must leave the disk."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from gim.journal.journal import Journal
from gim.journal.records import kind_of
from gim.model import Message
from gim.storage.durable.contents import LogContent
from gim.storage.durable.effects import MESSAGE
from gim.storage.durable.keeping import place_of
from gim.storage.memory.archive import Archive

ERASE_AFTER: Final = 30 * 60.0  # seconds that recalled content may stay on the disk,
ERASE_AFTER_START: Final = 5 * 60.0  # and that it may if a start finds it, as it may be old
RECORD_SIZE: Final = 72  # bytes of a message's record without session, name and content, about
_BYTES_PER_CHARACTER: Final = 3  # of text that is not ASCII, about


class LogPart:
    """One log, or several in which the ids of messages are mixed: they go and are rewritten together."""

    __slots__ = ("erase_at", "is_damaged", "live_bytes", "messages", "numbers", "size")

    def __init__(self, numbers: list[int], size: int = 0) -> None:
        self.numbers = numbers  # of the logs, ascending
        self.size = size  # bytes of all files; of those that were written again, of their records
        self.messages = 0  # that live
        self.live_bytes = 0  # of their records, about
        self.erase_at: float | None = None  # when to write it again as content must leave the disk
        self.is_damaged = False  # so it can't be rewritten

    @property
    def live_share(self) -> float:
        """The share of what lives, 0 to about 1."""
        return max(0, self.live_bytes) / max(1, self.size)

    def add(self, size: int, live_bytes: int, messages: int) -> None:
        """Count what a log holds."""
        self.size += size
        self.live_bytes += live_bytes
        self.messages += messages

    def join(self, other: LogPart) -> None:
        """Take over what another part holds, the logs after those of this one."""
        self.numbers += other.numbers
        self.add(other.size, other.live_bytes, other.messages)
        times = [at for at in (self.erase_at, other.erase_at) if at is not None]
        self.erase_at = min(times, default=None)


class Ledger:
    """The parts of the log in the order of the ids in them: a message's part is found by bisection.

    The last part is the one that is written to. Its own counts lack what was added since it began, as
    counting that would slow down each message.
    """

    def __init__(self, journal: Journal, seconds: Callable[[], float]) -> None:
        """*seconds* is the time of the reactor. `load` follows before the journal is opened."""
        self._journal = journal
        self._seconds = seconds
        self._first_ids = [""]
        self._parts = [LogPart([])]
        self._archive: Archive
        self.damaged = 0  # logs that can't be written again as a record is not valid
        # where the journal and the store stood when the last part began
        self._offset = self._appended = self._others = self._stored = 0

    def load(self, logs: list[LogContent], archive: Archive) -> None:
        """Begin with what a start found, in the order of the numbers: the last log is written to."""
        self._archive = archive
        found: list[tuple[str, str, LogPart]] = []  # parts with their first and last ids
        for log in logs or [LogContent(1)]:
            first_id = log.first_id or (found[-1][1] + "0" if found else "")  # above all before
            last_id, part = max(first_id, log.last_id), self._part_of(log)
            while found and found[-1][1] >= first_id:
                first, last, before = found.pop()
                before.join(part)
                first_id, last_id, part = min(first_id, first), max(last_id, last), before
            found.append((first_id, last_id, part))
        self._first_ids = ["", *(first_id for first_id, _, _ in found[1:])]
        self._parts = [part for _, _, part in found]
        self._offset = logs[-1].size if logs else 0
        self._parts[-1].size -= self._offset  # which is added when it is full
        self._mark()
        self._journal.on_roll = self._rolled

    def _part_of(self, log: LogContent) -> LogPart:
        part = LogPart([log.number])
        part.add(log.size, log.live_bytes, log.messages)
        if log.to_erase:
            part.erase_at = self._seconds() + ERASE_AFTER_START
        return part

    def _mark(self) -> None:
        self._appended, self._others = self._journal.bytes_appended, self._journal.other_bytes
        self._stored = self._archive.stored

    def _rolled(self, number: int, payload: bytes | None) -> None:
        """Count in a new log from now on: see `Journal.on_roll`."""
        part, size = self._parts[-1], self._journal.bytes_appended - self._appended
        part.add(size, self._written(size), self._archive.stored - self._stored)
        if payload is None:
            self._join_unsynced().numbers.append(number)
        else:
            self._first_ids.append(self._first_id(payload))
            self._parts.append(LogPart([number]))
        self._offset = 0
        self._mark()

    def _join_unsynced(self) -> LogPart:
        """Make one part of the logs that may have lost messages, which are written again."""
        parts, synced_number = self._parts, self._journal.synced[0]
        while len(parts) > 1 and parts[-2].numbers[-1] >= synced_number:
            last = parts.pop()
            self._first_ids.pop()
            parts[-1].join(last)
        return parts[-1]

    def _written(self, end: int) -> int:
        """Return the bytes of messages that were written to the last log, which ends at *end*."""
        return end - self._offset - (self._journal.other_bytes - self._others)

    def _first_id(self, payload: bytes) -> str:
        """Return an id that is above those of all messages before a record, and not above later ones."""
        if payload and kind_of(payload) == MESSAGE:
            return place_of(payload).id
        return self._archive.time_id()

    # what happens to messages

    def dropped(self, message: Message) -> None:
        """Count a message as dead. Runs for each, in 0.4 us."""
        part = self._parts[bisect_right(self._first_ids, message.id) - 1]
        part.messages -= 1
        content = message.content
        size = len(content) if content.isascii() else _BYTES_PER_CHARACTER * len(content)
        part.live_bytes -= RECORD_SIZE + len(message.session_id) + len(message.sender.name) + size

    def recalled(self, message_id: str) -> None:
        """Note that the content of a message must leave the disk."""
        self._erase(bisect_right(self._first_ids, message_id) - 1, 1)

    def dismissed(self, room_id: str) -> None:
        """Note that all content of a chatroom, which is still there, must leave the disk.

        Messages of it that were trimmed before may be in any log since it was created.
        """
        created = self._archive.chatroom(room_id).created
        begin = bisect_right(self._first_ids, created) - 1
        self._erase(begin, len(self._parts) - begin)

    def _erase(self, begin: int, count: int) -> None:
        erase_at = self._seconds() + ERASE_AFTER
        for part in self._parts[begin : begin + count]:
            if part.erase_at is None:
                part.erase_at = erase_at

    # what can be done about it

    def below(self, number: int) -> list[LogPart]:
        """Return the parts all of whose logs are older than the one of a number, in order."""
        return [part for part in self._parts[:-1] if part.numbers[-1] < number]

    def to_erase(self) -> list[LogPart]:
        """Return the parts that are to be written again now, as content must leave the disk."""
        now, due = self._seconds(), [part for part in self._parts if part.erase_at is not None]
        return [part for part in due if not part.is_damaged and (part.erase_at or 0) <= now]

    def is_current(self, part: LogPart) -> bool:
        """Say whether a part is written to."""
        return part is self._parts[-1]

    def replace(self, parts: list[LogPart], by: LogPart | None) -> None:
        """Put one part in the place of neighbours, or nothing."""
        begin = self._parts.index(parts[0])
        end = begin + len(parts)
        first_id = self._first_ids[begin]
        self._parts[begin:end] = [] if by is None else [by]
        self._first_ids[begin:end] = [] if by is None else [first_id]
        self._first_ids[0] = ""

    # figures

    @property
    def segments(self) -> int:
        """How many logs there are."""
        return sum(len(part.numbers) for part in self._parts)

    @property
    def bytes(self) -> int:
        """The bytes of all logs."""
        return sum(part.size for part in self._parts) + self._journal.position[1]

    @property
    def live_bytes(self) -> int:
        """The bytes of all messages that live, about."""
        older = sum(max(0, part.live_bytes) for part in self._parts[:-1])
        return older + max(0, self._parts[-1].live_bytes + self._written(self._journal.position[1]))

    @property
    def live_ratio(self) -> float:
        """The share of what lives in all bytes of the logs, 0 to 1."""
        return min(1.0, self.live_bytes / max(1, self.bytes))
