"""The refusals of every storage, so that all use the same words."""

from __future__ import annotations

from math import ceil

from gim.errors import BadRequest, Conflict, Forbidden, NotFound
from gim.storage.rules import RECALL_WITHIN_MS


def no_user(user_id: str) -> NotFound:
    return NotFound(f"user {user_id!r} does not exist: an id becomes a user with its first login")


def no_chatroom(chatroom_id: str) -> NotFound:
    return NotFound(f"chatroom {chatroom_id!r} does not exist: joining creates it")


def foreign_cursor() -> BadRequest:
    """Return the refusal of a cursor that no page has given."""
    return BadRequest("cursor: send the cursor of the previous page, or leave it out to start again")


def chatroom_exists(chatroom_id: str) -> Conflict:
    return Conflict(
        f"chatroom {chatroom_id!r} exists already: rename or dismiss it, or choose another id"
    )


def chatroom_ends(chatroom_id: str) -> Conflict:
    """Return the refusal of a new chatroom while parts of one that had its id are left."""
    return Conflict(f"chatroom {chatroom_id!r} is being dismissed: try again in a moment")


def no_member(chatroom_id: str) -> Forbidden:
    """Return the refusal of a user who asks for what only members get."""
    return Forbidden(f"you are not a member of chatroom {chatroom_id!r}: join it first")


def stranger(chatroom_id: str) -> NotFound:
    """Return the refusal of an action on a user who is not a member."""
    return NotFound(f"this user is not a member of chatroom {chatroom_id!r}")


def wrong_role(chatroom_id: str) -> Forbidden:
    return Forbidden(f"your role in chatroom {chatroom_id!r} does not allow this: ask its owner")


def muted(chatroom_id: str, left_ms: int) -> Forbidden:
    seconds = max(1, ceil(left_ms / 1000))
    return Forbidden(f"you are muted in chatroom {chatroom_id!r} for {seconds} s: wait until then")


def request_id_reused() -> Conflict:
    return Conflict(
        "request_id: you gave it to another message of this session: choose a new one for each message"
    )


def no_message() -> NotFound:
    return NotFound("this session does not have this message, or not any more")


def too_late_to_recall() -> Forbidden:
    limit = RECALL_WITHIN_MS // 1000
    return Forbidden(
        f"this message can't be recalled: you can recall only your own, for {limit} s after sending"
    )
