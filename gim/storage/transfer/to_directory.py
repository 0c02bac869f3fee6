"""Writes the lines of a dump as a data directory: messages in logs, all else in a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from secrets import token_bytes, token_hex
from typing import Any, Final
from zlib import crc32

from gim.ids import session as session_of
from gim.journal.directory import Meta, write_meta
from gim.journal.files import LOG, STATE, path_of, write_file
from gim.journal.records import BEGIN, END, FORMAT, MAGIC, encode, frame
from gim.journal.sums import sum_record
from gim.storage.durable import effects
from gim.storage.durable.effects import (
    Chatroom,
    Emptied,
    Globals,
    MemberJoined,
    MessageStored,
    Person,
    Private,
    Seal,
    Slice,
    StateEffect,
    UserBanned,
)
from gim.storage.message_ids import FIRST
from gim.storage.transfer.lines import (
    BanLine,
    ChatroomLine,
    Entry,
    Head,
    MemberLine,
    MessageLine,
    PrivateLine,
    UserLine,
)

_PORTION: Final = 1000  # effects of one record of the checkpoint
_CAP_UNKNOWN: Final = 0


class DirectoryTarget:
    """An empty directory. What is put is kept in memory until `finish` writes all of it."""

    def __init__(self, path: str, segment_size: int) -> None:
        """*segment_size* is how many bytes a log has, about."""
        self._path = path
        self._segment_size = segment_size
        self._effects: list[StateEffect] = []
        self._messages: list[tuple[str, bytes]] = []  # by id
        self._session: PrivateLine | ChatroomLine | None = None  # whose messages come
        self._first = ""  # the oldest of them

    def put(self, line: Entry) -> None:
        """Take a line."""
        match line:
            case PrivateLine() | ChatroomLine():
                self._end_session()
                self._session = line
            case MessageLine():
                self._first = self._first or line.id
                self._messages.append((line.id, effects.encode(_message(line))))
            case MemberLine():
                read = line.read or FIRST
                self._effects.append(MemberJoined(line.chatroom_id, line.user_id, line.joined, read))
            case BanLine():
                self._effects.append(UserBanned(line.user_id, line.since, line.until, line.forgotten_at))
            case UserLine():
                self._effects.append(_person(line))

    def _end_session(self) -> None:
        """Add what is kept of a session now that its oldest message is known."""
        line, first = self._session, self._first
        self._session, self._first = None, ""
        if isinstance(line, ChatroomLine):
            self._effects.append(_chatroom(line, first))
        elif line is not None and first:
            self._effects.append(_private(line, first))
        elif line is not None:
            self._effects.append(Emptied(line.id, line.sequence))

    def finish(self, head: Head, keeps_epoch: bool) -> None:
        """Write all files. Without the last one no server uses the others."""
        self._end_session()
        self._messages.sort(key=itemgetter(0))
        number, end = 0, None
        for number, content in enumerate(self._logs(), 1):
            end = self._write_log(number, end, content)
        self._write_state(number + 1, head)
        self._write_log(number + 1, end, [])
        epoch = head.epoch if keeps_epoch else token_hex(8)
        key = token_bytes(32).hex()
        write_meta(self._path, Meta(format=FORMAT, epoch=epoch, token_key=key, created=head.created_at))

    def _logs(self) -> Iterator[list[bytes]]:
        """Yield the records of each log in the order of the ids."""
        records: list[bytes] = []
        size = 0
        for _, payload in self._messages:
            records.append(frame(payload))
            size += len(records[-1])
            if size >= self._segment_size:
                yield records
                records, size = [], 0
        if records:
            yield records

    def _write_log(self, number: int, end_before: int | None, records: list[bytes]) -> int:
        """Write a log; return its length. *end_before* is that of the one before it."""
        content = b"".join([MAGIC, frame(encode((BEGIN, number, end_before))), *records])
        content += frame(encode((END, len(content))))
        content += sum_record(crc32(content))
        write_file(path_of(self._path, LOG, number), content)
        return len(content)

    def _write_state(self, number: int, head: Head) -> None:
        values = Globals(head.last_id or FIRST, FIRST, head.lost or FIRST, 0, _CAP_UNKNOWN)
        portions: list[list[StateEffect]] = [[values]]
        portions += [
            self._effects[start : start + _PORTION] for start in range(0, len(self._effects), _PORTION)
        ]
        records: list[Any] = [Slice(number, len(MAGIC), tuple(portion)) for portion in portions]
        content = [MAGIC, *(frame(effects.encode(record)) for record in [*records, Seal()])]
        write_file(path_of(self._path, STATE, number), b"".join(content))


def _message(line: MessageLine) -> MessageStored:
    return MessageStored(
        line.id,
        line.session_id,
        line.sender.id,
        line.sender.name,
        line.category,
        line.content,
        line.sequence,
        line.request_id,
        line.status,
    )


def _person(line: UserLine) -> Person:
    return Person(
        line.id,
        line.name,
        line.delivered or FIRST,
        line.lost or FIRST,
        line.event_number,
        line.online,
    )


def _private(line: PrivateLine, first: str) -> Private:
    one, other = session_of(line.id).parts
    return Private(
        line.id, line.sequence, line.read.get(one, FIRST), line.read.get(other, FIRST), (), first
    )


def _chatroom(line: ChatroomLine, first: str) -> Chatroom:
    return Chatroom(
        line.id,
        FIRST,
        line.name,
        line.is_kept,
        line.owner_id,
        tuple(line.admins),
        line.muted,
        line.sequence,
        (),
        first,
    )
