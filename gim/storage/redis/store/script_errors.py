"""Refusals that scripts return in place of a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gim.errors import Banned, GimError
from gim.storage import refusals

_OF_CHATROOM: dict[bytes, Callable[[str], GimError]] = {
    b"none": refusals.no_chatroom,
    b"forbidden": refusals.no_member,
    b"stranger": refusals.stranger,
    b"role": refusals.wrong_role,
    b"ends": refusals.chatroom_ends,
    b"exists": refusals.chatroom_exists,
}


def check(reply: Any, chatroom_id: str = "") -> Any:
    """Return the reply of a script, or raise its refusal: a text, some with ms after a colon."""
    if isinstance(reply, bytes):
        raise _refusal(reply, chatroom_id)
    return reply


def _refusal(reply: bytes, chatroom_id: str) -> GimError:
    if reply in _OF_CHATROOM:
        return _OF_CHATROOM[reply](chatroom_id)
    if reply == b"reused":
        return refusals.request_id_reused()
    kind, _, left = reply.partition(b":")
    if kind == b"muted":
        return refusals.muted(chatroom_id, int(left))
    if kind == b"banned":
        return Banned(int(left))
    return refusals.no_message() if kind == b"gone" else refusals.too_late_to_recall()
