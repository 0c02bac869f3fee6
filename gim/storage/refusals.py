"""What every storage refuses, in the same words."""

from __future__ import annotations

from math import ceil

from gim.errors import Conflict, Forbidden, NotFound
from gim.storage.rules import RECALL_WITHIN_MS


def no_chatroom(chatroom_id: str) -> NotFound:
    return NotFound(f"no chatroom {chatroom_id!r}: joining it makes it")


def chatroom_exists(chatroom_id: str) -> Conflict:
    return Conflict(
        f"there is a chatroom {chatroom_id!r} already: rename or dismiss it, or choose another id"
    )


def no_member(chatroom_id: str) -> Forbidden:
    """Return the refusal of somebody who asks for what is for members."""
    return Forbidden(f"you are no member of chatroom {chatroom_id!r}: join it first")


def stranger(chatroom_id: str) -> NotFound:
    """Return the refusal of something that is to be done to a member."""
    return NotFound(f"this user is no member of chatroom {chatroom_id!r}")


def wrong_role(chatroom_id: str) -> Forbidden:
    return Forbidden(f"your role in chatroom {chatroom_id!r} does not allow this: ask its owner")


def muted(chatroom_id: str, left: int) -> Forbidden:
    """*left* is in ms, as below."""
    return Forbidden(f"you are muted in chatroom {chatroom_id!r} for {_seconds(left)}: wait until then")


def banned(left: int) -> Forbidden:
    return Forbidden(f"you are banned for {_seconds(left)}: wait until then")


def no_message() -> NotFound:
    return NotFound("no such message in this session, or not any more")


def too_late_to_recall() -> Forbidden:
    limit = RECALL_WITHIN_MS // 1000
    return Forbidden(f"this message can't be recalled: one's own can for {limit} s, and none of others")


def _seconds(left: int) -> str:
    return f"{max(1, ceil(left / 1000))} s"
