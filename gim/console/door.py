"""How the administrator logs in to the console and out of it, at any node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from msgspec import Struct
from twisted.internet.defer import Deferred

from gim.console.session import ConsoleSessions, EndedSessions, Session, SessionEnded
from gim.console.wrong_keys import WrongKey, WrongKeys
from gim.errors import InvalidAdminKey
from gim.log.logger import Logger


class Talk(Protocol):
    """Tells and asks the nodes: see `gim.inspection.node_talk.NodeTalk`."""

    def tell(self, listener: str, notice: Struct) -> None: ...

    def handle(self, kind: type[Any], handler: Callable[[str, Any], object]) -> None: ...

    def serve(self, kind: type[Any], answer: Callable[[Any], object]) -> None: ...

    def ask(self, question: Struct, result: type[Any], /) -> Awaitable[Sequence[tuple[str, Any]]]: ...


class Door:
    """Compares keys, and lets all nodes know of wrong ones and of sessions that have ended."""

    _log = Logger()

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
        talk.serve(EndedSessions, lambda _: sessions.ended())
        sessions.learn_by(self._begin_to_learn)

    def _begin_to_learn(self) -> None:
        learning = Deferred.fromCoroutine(self._learn())
        learning.addErrback(lambda failure: self._log.failure("learning of logouts failed", failure))

    async def _learn(self) -> None:
        """Ask all nodes which sessions were ended."""
        for _, answer in await self._talk.ask(EndedSessions(), list[SessionEnded]):
            for ended in answer:
                self._sessions.end(ended)

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
