"""Paging through a list of sessions that move to the top meanwhile, without leaving one out.

The first round goes down the whole list. Its mark is a rank that is taken before its first page: a
session that moves during the round gets a rank above the mark. The next round goes down to that mark,
with a mark of its own, and so on. So a session that is on no page of a round has moved above the round's
mark. A round of a single page ends the walk, as that page shows all sessions that moved.
"""

from __future__ import annotations

import re

from msgspec import Struct

from gim.chat.cursors import read_cursor, write_cursor
from gim.model import SessionItem
from gim.storage.interface import Messages, Position
from gim.storage.message_ids import FIRST
from gim.storage.refusals import foreign_cursor

MAX_ROUNDS = 5  # after the first one: the walk ends even if messages keep coming

_KIND = "s"
_ROUNDS = {str(number): number for number in range(MAX_ROUNDS + 1)}
_RANK = re.compile("[0-9a-f]{16,32}").fullmatch


class SessionWalk(Struct, frozen=True):
    """How far a client has come: after which line of which round, None at the start of a round.

    Sessions that move during the round get ranks above ``mark``, "" until its first page is read. The
    round shows the sessions with ranks above ``since``.
    """

    after: Position | None = None
    mark: str = ""
    since: str = FIRST
    round: int = 0


async def read_page(
    messages: Messages, user_id: str, kind: int | None, count: int, walk: SessionWalk
) -> tuple[list[SessionItem], SessionWalk | None]:
    """Return a page of a user's sessions, and how the walk goes on, None after its end."""
    mark = walk.mark or messages.newest_rank()
    items, last = await messages.sessions(user_id, kind, walk.after, count, walk.since)
    if last is not None:
        return items, SessionWalk(last, mark, walk.since, walk.round)
    if walk.after is None or walk.round == MAX_ROUNDS:
        return items, None
    moved, _ = await messages.sessions(user_id, kind, None, 1, mark)
    return items, SessionWalk(since=mark, round=walk.round + 1) if moved else None


def write_walk(walk: SessionWalk | None) -> str:
    """Return the cursor of the next page, "" after the last."""
    if walk is None:
        return ""
    return write_cursor(_KIND, (*(walk.after or ("", "")), walk.mark, walk.since, str(walk.round)))


def read_walk(cursor: str) -> SessionWalk:
    """Read the cursor of a page. Raises `BadRequest` if it is the cursor of another list."""
    place = read_cursor(_KIND, cursor, 5)
    if place is None:
        return SessionWalk()
    rank, session_id, mark, since, number = place
    is_begin = rank == session_id == mark == ""
    ranks = (since,) if is_begin else (rank, mark, since)
    if not all(map(_RANK, ranks)) or number not in _ROUNDS:
        raise foreign_cursor()
    return SessionWalk(None if is_begin else (rank, session_id), mark, since, _ROUNDS[number])
