"""Reads a dump line by line, and refuses what is not one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, cast

import msgspec

from gim.errors import BadRequest
from gim.ids import PRIVATE, SYSTEM, chatroom_session, is_id, session
from gim.model import MessageStatus
from gim.storage.transfer.lines import (
    FORMAT,
    BanLine,
    ChatroomLine,
    End,
    Entry,
    Head,
    Line,
    MemberLine,
    MessageLine,
    PrivateLine,
    UserLine,
    decoder,
)

_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII).fullmatch
_HEAD_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


class BadDump(ValueError):
    """What is read is not a whole dump that this version knows. The text is one line, and names the line
    that is wrong by its number."""


def read_head(line: bytes) -> Head:
    """Read the first line. Raises `BadDump`."""
    try:
        found = _HEAD_DECODER.decode(line)
        if found["kind"] == "dump" and found["format"] > FORMAT:
            raise BadDump(
                f"line 1: the dump has format {found['format']}, and this gim reads {FORMAT}: use the"
                " gim that wrote it, or a later one"
            )
        return msgspec.convert(found, Head)
    except (msgspec.MsgspecError, KeyError, TypeError, RecursionError) as error:
        raise BadDump("line 1: it is not the first line of a dump of gim") from error


def entries(lines: Iterable[bytes]) -> Iterator[tuple[int, Entry]]:
    """Yield the lines behind the first one, each with its number, and check them.

    Raises `BadDump` for a line that is not valid or stands at the wrong place, and for a dump that has
    been cut off.
    """
    order, number = _Order(), 1
    for number, line in enumerate(lines, 2):
        try:
            found = _decoded(line)
            if isinstance(found, End):
                return _check_end(found, number, lines)
            if isinstance(found, Head):
                raise ValueError("another dump begins here: load one at a time")
            order.check(found)
        except (ValueError, BadRequest) as error:
            raise BadDump(f"line {number}: {error}") from error
        yield number, found
    raise BadDump(f"the dump has been cut off behind line {number}: its last line is missing")


def _decoded(line: bytes) -> Line:
    try:
        found: Line = decoder.decode(line)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"it is not a line of a dump: {error}") from error
    return found


def _check_end(end: End, number: int, rest: Iterable[bytes]) -> None:
    if end.lines != number - 2:
        raise ValueError(f"{end.lines} lines should stand before it, and there are {number - 2}")
    if any(line.strip() for line in rest):
        raise BadDump(f"line {number + 1}: the dump has ended before it")


class _Order:
    """Checks each line by itself, and that it stands where it belongs."""

    def __init__(self) -> None:
        self._rank = 0
        self._session = ""  # that the next messages are of
        self._chatroom = ""  # that the next members are of
        self._newest = ""

    def check(self, line: Entry) -> None:
        """Raise `ValueError` for a line that can't be loaded."""
        cast(Callable[[Entry], None], _CHECKS[type(line)])(line)
        match line:
            case MessageLine():
                self._check_message(line)
                return
            case MemberLine():
                _expect(
                    line.chatroom_id == self._chatroom, "the chatroom of this member must stand above it"
                )
                return
            case PrivateLine():
                self._session, self._chatroom, self._newest = line.id, "", ""
            case ChatroomLine():
                self._session, self._newest = chatroom_session(line.id).id, ""
                self._chatroom = line.id
        kind = type(line).__struct_config__.tag
        _expect(line.rank >= self._rank, f"a {kind} stands behind lines that it must precede")
        self._rank = line.rank

    def _check_message(self, line: MessageLine) -> None:
        _expect(line.session_id == self._session, "the session of this message must stand above it")
        _expect(line.id > self._newest, "the message must be newer than the one above it")
        self._newest = line.id


def _expect(is_right: bool, text: str) -> None:
    if not is_right:
        raise ValueError(text)


def _check_user_id(text: str) -> None:
    _expect(is_id(text) or text == SYSTEM, f"{text!r} is not a valid id of a user")


def _check_position(text: str) -> None:
    _expect(not text or _ID(text) is not None, f"{text!r} is not a valid id of a message")


def _check_number(number: int) -> None:
    _expect(0 <= number < 2**53, f"{number} is not a valid number here")


def _check_user(line: UserLine) -> None:
    _check_user_id(line.id)
    _check_position(line.delivered)
    _check_position(line.lost)
    _check_number(line.event_number)


def _check_ban(line: BanLine) -> None:
    _check_user_id(line.user_id)
    for number in line.since, line.until, line.forgotten_at:
        _check_number(number)


def _check_private(line: PrivateLine) -> None:
    found = session(line.id)
    is_right = found.type == PRIVATE and found.id == line.id and set(line.read) <= set(found.parts)
    _expect(is_right, "it is not a valid private session")
    _check_number(line.sequence)
    for position in line.read.values():
        _check_position(position)


def _check_chatroom(line: ChatroomLine) -> None:
    _expect(is_id(line.id), f"{line.id!r} is not a valid id of a chatroom")
    for user_id in filter(None, (line.owner_id, *line.admins, *line.muted)):
        _check_user_id(user_id)
    for number in line.sequence, *line.muted.values():
        _check_number(number)


def _check_member(line: MemberLine) -> None:
    _check_user_id(line.user_id)
    _expect(_ID(line.joined) is not None, f"{line.joined!r} is not a valid id of a membership")
    _check_position(line.read)


def _check_message(line: MessageLine) -> None:
    _expect(_ID(line.id) is not None, f"{line.id!r} is not a valid id of a message")
    _expect(line.created_at == int(line.id[:12], 16), "created_at is not the time in the id")
    _expect(line.status in tuple(MessageStatus), f"{line.status} is not a valid status")
    _check_user_id(line.sender.id)
    _check_number(line.sequence)


_CHECKS: Final[dict[type, Any]] = {
    UserLine: _check_user,
    BanLine: _check_ban,
    PrivateLine: _check_private,
    ChatroomLine: _check_chatroom,
    MemberLine: _check_member,
    MessageLine: _check_message,
}
