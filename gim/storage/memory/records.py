"""What the memory store keeps of people, conversations and memberships, beside the messages."""

from __future__ import annotations

from gim.ids import CHATROOM, Session
from gim.model import Message, Role, User
from gim.storage.message_ids import FIRST


class Person:
    """A user, or an id that somebody wrote to. About 300 bytes, and 100 for each private session.

    ``private`` maps the ids of the private sessions that hold messages to the read position in
    each. Its order is that of their last messages, newest at the end, because appending moves a
    session there and message ids rise.
    """

    __slots__ = (
        "delivered_up_to",
        "has_logged_in",
        "id",
        "newest_dropped",
        "private",
        "rooms",
        "stored",
        "user",
        "watched",
    )

    def __init__(self, user_id: str) -> None:
        self.id = user_id
        self.user = User(user_id, user_id)  # all messages that they send share it
        self.has_logged_in = False
        self.private: dict[str, str] = {}
        self.rooms: dict[str, Membership] = {}
        self.stored = 0  # messages kept that they sent, or received in private
        self.delivered_up_to = FIRST  # the newest private message written to a connection of theirs
        self.newest_dropped = FIRST  # the newest private message of theirs that is not kept any more
        self.watched = False  # a connection of theirs is logged in

    @property
    def title(self) -> str:
        """The name that others see."""
        return self.user.name

    def log_in(self, name: str) -> None:
        """Be a user with this name from now on; "" stands for the id."""
        self.has_logged_in = True
        name = name or self.id
        if name != self.user.name:
            self.user = User(self.id, name)

    def is_needed(self) -> bool:
        """Say whether anything refers to this person."""
        return self.watched or self.stored > 0 or bool(self.rooms)


class Membership:
    """A user in a chatroom: since when, and the read position. About 480 bytes with its indexes."""

    __slots__ = ("joined", "read")

    def __init__(self, joined: str, read: str) -> None:
        self.joined = joined  # an id of the time of joining: it ranks a chatroom without messages
        self.read = read


class Conversation:
    """A session that holds messages. About 200 bytes."""

    __slots__ = ("count", "last", "sequence", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.count = 0
        self.sequence = 0
        self.last: Message | None = None

    def is_needed(self) -> bool:
        return self.count > 0


class Chatroom(Conversation):
    """A chatroom with members, or with messages of former ones, or kept until it is dismissed. About 350
    bytes."""

    __slots__ = ("admins", "is_kept", "members", "mutes", "name", "owner", "watched")

    def __init__(self, session: Session, name: str) -> None:
        assert session.type == CHATROOM
        super().__init__(session)
        self.name = name
        self.members = 0
        self.watched = False
        self.is_kept = False
        self.owner = ""  # "" for nobody
        self.admins: dict[str, None] | None = None  # in the order of appointment; made when needed
        self.mutes: dict[str, int] | None = (
            None  # user id to its end in Unix ms, members or not; likewise
        )

    def is_needed(self) -> bool:
        return self.count > 0 or self.members > 0 or self.is_kept

    def role_of(self, user_id: str) -> str:
        """Return the role of a member."""
        if user_id == self.owner:
            return Role.OWNER
        return Role.ADMIN if self.admins and user_id in self.admins else Role.MEMBER
