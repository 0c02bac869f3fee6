"""The users online at this node, and what the chat asks of their connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gim.model import Event, Push
from gim.push.catchup import CatchUp

NO_DESCRIPTOR = -1  # of a connection whose socket must not be written to directly now


class Drained(Protocol):
    """Waits for a slow reader."""

    def drained(self, connection: Connection) -> None:
        """Called when a connection's send buffer has drained."""


class Connection(Protocol):
    """What the chat asks of a connection."""

    key: str  # unique among all connections of all nodes
    kind: str  # connections of one kind get the same bytes for a push
    descriptor: int  # of its socket, see `gim.push.direct`, or `NO_DESCRIPTOR`

    @property
    def peer(self) -> str:
        """The address at the other end."""

    def deliver(self, push: Push | Event) -> None:
        """Write a push. Never raises, never waits; a connection that is gone drops it."""

    def expel(self) -> None:
        """Close the connection: an administrator asked for it."""

    def offer(self, push: Push) -> bool:
        """Write a chatroom push unless too much is unsent; False if it was skipped: a slow reader."""

    def frame_of(self, push: Push) -> bytes:
        """Return the bytes of a chatroom push, encoded once for all connections of this kind."""

    def send_later(self, rest: bytes) -> None:
        """Write what the socket has not taken. Never raises, never waits."""

    def when_drained(self, waiting: Drained) -> None:
        """Tell *waiting* once when nothing waits unsent any more."""

    def check_backlog(self, extra: int) -> None:
        """Close it if too many bytes wait unsent, *extra* bytes that are held back for it included."""

    def write_while_drained(self, source: Callable[[], bool]) -> None:
        """Call *source* now, and again each time the socket has taken all that was written, until
        it returns False or the connection is gone."""


class Login:
    """A logged-in connection."""

    __slots__ = ("_recent", "catch_up", "connection", "since", "user")

    def __init__(self, user: OnlineUser, connection: Connection, catch_up: CatchUp, since: int) -> None:
        self.user = user
        self.since = since  # Unix ms
        self.connection = connection
        self.catch_up: CatchUp | None = catch_up  # None once it has caught up
        self._recent: frozenset[str] = frozenset()  # ids of messages that it caught up on

    def caught_up(self) -> None:
        """End the catching up: from now on new pushes are written at once."""
        if self.catch_up is not None:
            self._recent, self.catch_up = self.catch_up.recent, None

    def offer(self, push: Push) -> bool:
        """Write a private push, or hold it back behind missed messages; say whether it was written."""
        if self.catch_up is not None:
            self.connection.check_backlog(self.catch_up.hold(push))
            return False
        if self._recent and push.items[0].id in self._recent:
            return False
        self.connection.deliver(push)
        return True


class OnlineUser:
    """A user with connections at this node."""

    __slots__ = ("chatrooms", "id", "logins")

    def __init__(self, user_id: str) -> None:
        self.id = user_id
        self.logins: list[Login] = []
        self.chatrooms: set[str] = set()  # whose pushes they get


class Presence:
    """The users online at this node."""

    def __init__(self) -> None:
        self._users: dict[str, OnlineUser] = {}
        self.get: Callable[[str], OnlineUser | None] = self._users.get  # a user by id
        self.connections = 0

    def __len__(self) -> int:
        return len(self._users)

    def logins(self) -> list[Login]:
        """Return all connections."""
        return [login for user in self._users.values() for login in user.logins]

    def enter(self, user_id: str, connection: Connection, catch_up: CatchUp, since: int) -> Login:
        """Add a connection of the user, logged in *since* Unix ms."""
        user = self._users.get(user_id)
        if user is None:
            user = self._users[user_id] = OnlineUser(user_id)
        login = Login(user, connection, catch_up, since)
        user.logins.append(login)
        self.connections += 1
        return login

    def leave(self, login: Login) -> bool:
        """Remove a connection; say whether it was the user's last."""
        user = login.user
        user.logins.remove(login)
        self.connections -= 1
        if user.logins:
            return False
        del self._users[user.id]
        return True
