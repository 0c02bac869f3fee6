"""How the administrator logs in to the console and out of it, at any node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from gim.console.session import ConsoleSessions, Session, SessionEnded
from gim.console.wrong_keys import WrongKey, WrongKeys
from gim.errors import InvalidAdminKey


class Talk(Protocol):
    """Tells the nodes: see `gim.inspection.node_talk.NodeTalk`."""

    def tell(self, listener: str, notice: Struct) -> None: ...

    def handle(self, kind: type[Any], handler: Callable[[str, Any], object]) -> None: ...


class Door:
    """Compares keys, and lets all nodes know of wrong ones and of sessions that have ended."""

    def __init__(
        self,
        is_key: Callable[[str], bool],
        sessions: ConsoleSessions,
        wrong_keys: WrongKeys,
        talk: Talk,
    ) -> None:
        """*is_key* says whether a text is the administrator's key."""
        self._is_key = is_key
        self._sessions = sessions
        self._wrong_keys = wrong_keys
        self._talk = talk
        talk.handle(SessionEnded, lambda _, ended: sessions.end(ended))
        talk.handle(WrongKey, lambda _, wrong: wrong_keys.add(wrong))

    def log_in(self, key: str, address: str) -> Session:
        """Return a new session. Raises `InvalidAdminKey`, or `TooManyRequests` after wrong keys of the
        same *address*, even for the right one."""
        self._wrong_keys.check(address)
        if not self._is_key(key):
            self._talk.tell("", WrongKey(address))
            raise InvalidAdminKey("this is not the administrator's key")
        return self._sessions.begin()

    def log_out(self, session: Session) -> None:
        """End a session."""
        self._talk.tell("", SessionEnded(session.id, session.ends_at))
