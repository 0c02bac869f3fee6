"""What must hold of the lists of sessions: order, newest messages, what is unread, cursors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.integration.chaos.journal import NORMAL, Item, Journal
from tests.integration.chaos.judgement import Violation


def check_list(
    user: str,
    sessions: list[dict[str, Any]],
    expected: set[str],
    optional: set[str],
    histories: Mapping[str, list[Item]],
    journal: Journal,
) -> Iterator[Violation]:
    """One user's whole list: *expected* sessions, maybe *optional* ones, the newest first."""
    ids = [session["id"] for session in sessions]
    if not expected <= set(ids) <= expected | optional or len(set(ids)) < len(ids):
        yield Violation("sessions", f"{user} has {ids}, right is {sorted(expected)}", user)
    newest = [session["last"]["id"] for session in sessions if session["last"] is not None]
    if newest != sorted(newest, reverse=True):
        yield Violation("sessions", f"the list of {user} is not in order: {newest}", user)
    for session in sessions:
        history = histories.get(session["id"], [])
        yield from _check_newest(user, session, history)
        if session["id"] in expected:  # joining again marks all as read
            yield from _check_unread(user, session, history, journal)


def _check_newest(user: str, session: dict[str, Any], history: list[Item]) -> Iterator[Violation]:
    session_id, last = session["id"], session["last"]
    if (last["id"] if last else None) != (history[-1].id if history else None):
        text = f"the newest of {session_id} in the list of {user} is {last}"
        yield Violation("sessions", text, user, session_id)


def _check_unread(
    user: str, session: dict[str, Any], history: list[Item], journal: Journal
) -> Iterator[Violation]:
    session_id = session["id"]
    right = unread(user, history, journal.read.get((user, session_id), {}))
    if session["unread"] not in right:
        numbers = " or ".join(map(str, sorted(right)))
        text = f"{session_id} of {user}: {session['unread']}, right is {numbers}"
        yield Violation("unread", text, user, session_id)


def unread(user: str, history: list[Item], read: Mapping[str, bool]) -> set[int]:
    """Return how many messages may be unread: several numbers if a reply to "mark read" got lost.

    *read* has the ids that the user marked as read, and whether it was acknowledged.
    """
    own = [item.id for item in history if item.sender == user]
    sure = max([*own, *(one for one, is_sure in read.items() if is_sure)], default="")
    positions = {sure, *(one for one in read if one > sure)}
    normal = [item.id for item in history if item.status == NORMAL]
    return {sum(one > position for one in normal) for position in positions}


def check_pages(
    user: str, whole: list[dict[str, Any]], paged: list[dict[str, Any]]
) -> Iterator[Violation]:
    """Pages that follow each other are the whole list; after it some of it may come again."""
    expected, ids = ([session["id"] for session in one] for one in (whole, paged))
    if ids[: len(expected)] != expected or set(ids) != set(expected):
        yield Violation("sessions", f"pages of {user} hold {ids}, the list {expected}", user)
