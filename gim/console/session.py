"""The sessions of the console: what a browser proves with that the administrator has logged in there.

A session is a signed cookie, so that every node and worker with the same data set knows it, and none
keeps it. The signature needs the data set's key and the administrator's key: with another one of either
all sessions end. Only sessions that were ended before their time are kept, by their ids.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from secrets import randbelow, token_hex
from typing import Final

import msgspec
from msgspec import Struct

from gim.concurrency.clocks import WallClock

COOKIE: Final = b"gim_console"
LIFETIME = 12 * 3600  # seconds from the login to the end
IDLE_TIMEOUT = 3600  # seconds without a request until the end
RENEWAL = 60  # seconds of use after which the browser gets a new cookie
MAX_TOLD = 1000  # ended sessions that a node tells to one that begins, some 60 KB
_FIRST_NUMBER, _NUMBERS = 100_000, 900_000  # random ones, as nodes do not agree on the next one


class Session(Struct, frozen=True, array_like=True):
    """A login of the administrator in a browser. Times are Unix milliseconds."""

    id: str
    number: int  # for people: it names the session in the log
    began_at: int
    used_at: int

    @property
    def ends_at(self) -> int:
        """When it ends however much it is used."""
        return self.began_at + 1000 * LIFETIME


class SessionEnded(Struct, tag="console.session_ended"):
    """The administrator has logged out, told to all nodes."""

    id: str
    ends_at: int  # Unix milliseconds when it would have ended


class EndedSessions(Struct, tag="console.ended_sessions"):
    """Asks the other nodes which sessions were ended. The answer is a list of `SessionEnded`."""


_read = msgspec.json.Decoder(Session).decode
_write = msgspec.json.Encoder().encode


class ConsoleSessions:
    """Begins sessions, and reads those of cookies in some 10 us."""

    def __init__(self, token_key: Callable[[], bytes], wall: WallClock, admin_key: bytes | None) -> None:
        """*token_key* returns the key of the data set, or raises `Unavailable`. Without *admin_key* there
        are no sessions."""
        self._token_key = token_key
        self._wall = wall
        self._admin_key = admin_key
        self._ended: dict[str, int] = {}  # when they would have ended, by id
        self._learn: Callable[[], object] | None = None

    def use_admin_key(self, key: bytes | None) -> None:
        """Take another key of the administrator, with which no session of before is valid."""
        self._admin_key = key

    def learn_by(self, learn: Callable[[], object]) -> None:
        """Call *learn* with the first session that is read, as this process may have begun after others
        had ended. It is to `end` them."""
        self._learn = learn

    def begin(self) -> Session:
        """Return a new session."""
        now = self._wall.now_ms()
        return Session(token_hex(16), _FIRST_NUMBER + randbelow(_NUMBERS), now, now)

    def cookie_of(self, session: Session) -> str:
        """Return the value of a session's cookie. Raises `Unavailable` without a storage."""
        body = _write(session)
        return f"{_text(body)}.{_text(self._signature(body))}"

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie if it is valid now, else None. Raises `Unavailable`."""
        body = self._signed(cookie)
        if body is None:
            return None
        if self._learn is not None:
            learn, self._learn = self._learn, None
            learn()
        session = _read(body)
        idle_ms = self._wall.now_ms() - session.used_at
        return session if idle_ms < 1000 * IDLE_TIMEOUT and self._is_open(session) else None

    def goes_on(self, session: Session, cookie: str) -> bool:
        """Say whether a session that was valid still is, however idle it is. Raises `Unavailable`."""
        return self._is_open(session) and self._signed(cookie) is not None

    def _is_open(self, session: Session) -> bool:
        return session.id not in self._ended and self._wall.now_ms() < session.ends_at

    def used(self, session: Session) -> Session | None:
        """Return a session as used now if its browser needs a new cookie, else None."""
        now = self._wall.now_ms()
        if now - session.used_at < 1000 * RENEWAL:
            return None
        return msgspec.structs.replace(session, used_at=now)

    def end(self, ended: SessionEnded) -> None:
        """Refuse a session from now on."""
        now = self._wall.now_ms()
        self._ended = {id: ends_at for id, ends_at in self._ended.items() if ends_at > now}
        self._ended[ended.id] = ended.ends_at

    def ended(self) -> list[SessionEnded]:
        """Return the sessions that were ended before their time, `MAX_TOLD` at most, the newest ones."""
        return [SessionEnded(id, ends_at) for id, ends_at in [*self._ended.items()][-MAX_TOLD:]]

    def _signed(self, cookie: str) -> bytes | None:
        """Return what a cookie says if its signature is valid, else None."""
        written, _, signature = cookie.partition(".")
        try:
            body = _bytes(written)
        except ValueError:
            return None
        expected = _text(self._signature(body)).encode()
        is_signed = hmac.compare_digest(signature.encode("latin-1"), expected)
        return body if is_signed and self._admin_key is not None else None

    def _signature(self, body: bytes) -> bytes:
        purpose = b"gim console " + sha256(self._admin_key or b"").digest()
        key = hmac.digest(self._token_key(), purpose, "sha256")
        return hmac.digest(key, body, "sha256")


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Raises ValueError for a text that is not Base64."""
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
