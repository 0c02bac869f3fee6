"""The names of keys: a base for each user and session, whose hash tag keeps its keys in one slot.

Ids of users and chatrooms contain no ``:``, so no two share a key, whatever braces are in them. A base is
also the channel of its announcements. docs/redis.md lists the keys.
"""

from __future__ import annotations

from gim.ids import CHATROOM


class Keys:
    """Bases below a prefix."""

    __slots__ = ("_node", "_session", "_user", "data")

    def __init__(self, prefix: str) -> None:
        self.data = f"{prefix}:{{gim}}"
        self._session = prefix + ":{s:"
        self._user = prefix + ":{u:"
        self._node = prefix + ":{n:"

    def session(self, session_id: str) -> str:
        """Return the base of a session; a chatroom's is its channel."""
        return self._session + session_id + "}"

    def user(self, user_id: str) -> str:
        """Return the base of a user, which is their channel."""
        return self._user + user_id + "}"

    def around_user(self, part: str) -> tuple[str, str]:
        """Return what is before and behind the user's id in the name of a key."""
        return self._user, "}:" + part

    def around_session(self, part: str) -> tuple[str, str]:
        """Return what is before and behind the session's id in the name of a key."""
        return self._session, "}:" + part

    def around_chatroom(self, part: str) -> tuple[str, str]:
        """Return what is before and behind the chatroom's id in the name of a key."""
        return f"{self._session}{CHATROOM}:", "}:" + part

    def node(self, node: str) -> str:
        """Return the base of a node, which is its channel; no key has it."""
        return self._node + node + "}"
