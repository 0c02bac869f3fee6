"""What the memory store keeps of users, conversations and memberships, apart from the messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gim.ids import CHATROOM, Session
from gim.model import Message, Role, User
from gim.storage.memory.message_index import Page
from gim.storage.memory.recorder import RoomFields
from gim.storage.memory.session_order import SessionOrder
from gim.storage.message_ids import FIRST

if TYPE_CHECKING:
    from gim.storage.memory.subscribers import Subscriber


class Person:
    """A user, or an id that got a message. About 300 bytes, and 100 for each private session.

    ``private`` maps the ids of the private sessions that hold messages to the read position in
    each. Its order is that of their last messages, newest at the end, because appending moves a
    session there and message ids rise. ``order`` is that order as a list, None until a page needs it.
    """

    __slots__ = (
        "delivered_up_to",
        "has_logged_in",
        "id",
        "newest_dropped",
        "order",
        "private",
        "rooms",
        "stored",
        "subscribers",
        "user",
    )

    def __init__(self, user_id: str) -> None:
        self.id = user_id
        self.user = User(user_id, user_id)  # shared by all messages that they send
        self.has_logged_in = False
        self.private: dict[str, str] = {}
        self.order: SessionOrder | None = None
        self.rooms: dict[str, Membership] = {}
        self.stored = 0  # kept messages that they sent, or received in private
        self.delivered_up_to = FIRST  # delivery mark: the newest private message that a connection got
        self.newest_dropped = FIRST  # the newest private message of theirs that was trimmed or expired
        self.subscribers: tuple[Subscriber, ...] = ()  # where a connection of theirs is logged in

    @property
    def title(self) -> str:
        """The name that others see."""
        return self.user.name

    def log_in(self, name: str) -> None:
        """Become a user with this name; "" stands for the id."""
        self.has_logged_in = True
        name = name or self.id
        if name != self.user.name:
            self.user = User(self.id, name)

    def log_out(self) -> None:
        """Become an id again that is not a user."""
        self.has_logged_in = False
        self.user = User(self.id, self.id)

    def chatroom_ids(self) -> list[str]:
        """Return the ids of their chatrooms, without those that have ended."""
        return [one for one, membership in self.rooms.items() if not membership.chatroom.is_gone]

    def is_needed(self) -> bool:
        """Say whether anything refers to this person."""
        return bool(self.subscribers or self.stored or self.rooms)


class Membership:
    """A user in a chatroom: since when, and the read position. About 490 bytes with its indexes."""

    __slots__ = ("chatroom", "joined", "read")

    def __init__(self, chatroom: Chatroom, joined: str, read: str) -> None:
        self.chatroom = chatroom
        self.joined = joined  # an id made at the time of joining: it ranks a chatroom without messages
        self.read = read


class Conversation:
    """A session that holds messages. About 200 bytes."""

    __slots__ = ("count", "last", "newest", "recalled", "sequence", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.count = 0
        self.sequence = 0
        self.last: Message | None = None
        self.newest: Page | None = None  # of its pages in the index; None or empty without messages
        self.recalled: list[str] | None = None  # ids of the recalled ones, ascending; made when needed

    def is_needed(self) -> bool:
        return self.count > 0


class Chatroom(Conversation):
    """A chatroom: it has members, or is kept until it is dismissed.

    About 440 bytes.
    """

    __slots__ = (
        "admins",
        "created",
        "is_gone",
        "is_kept",
        "kept_mutes",
        "members",
        "mutes",
        "name",
        "owner",
        "subscribers",
    )

    def __init__(self, session: Session, name: str, created: str) -> None:
        assert session.type == CHATROOM
        super().__init__(session)
        self.name = name
        self.created = created  # an id made when the chatroom was: its messages have larger ones
        self.members = 0
        self.subscribers: tuple[Subscriber, ...] = ()  # with a member connected there
        self.is_kept = False
        self.is_gone = False  # it has ended; members and messages that are left are being taken away
        self.owner = ""  # "" for none
        self.admins: dict[str, None] | None = None  # in the order of appointment; made when needed
        self.kept_mutes = 0  # how many there were when those that have ended were last forgotten, about
        self.mutes: dict[str, int] | None = (
            None  # user id to its end in Unix ms, members or not; likewise
        )

    def is_needed(self) -> bool:
        return self.members > 0 or self.is_kept

    def fields(self) -> RoomFields:
        """Return what is recorded of a chatroom as a whole."""
        admins = tuple(self.admins or ())
        return RoomFields(
            self.session.parts[0], self.created, self.name, self.is_kept, self.owner, admins
        )

    def take(self, fields: RoomFields) -> None:
        """Take over what was recorded."""
        _, self.created, self.name, self.is_kept, self.owner, admins = fields
        self.admins = dict.fromkeys(admins) or None

    def mute(self, user_id: str, until: int, ended: int) -> None:
        """Mute a user until then, 0 ends that; now and then forget the mutes until *ended*."""
        mutes = self.mutes or {}
        mutes.pop(user_id, None)
        if len(mutes) >= 2 * self.kept_mutes:  # rare enough to cost O(1) for each mute
            mutes = {one: end for one, end in mutes.items() if end > ended}
            self.kept_mutes = len(mutes) + 1
        if until:
            mutes[user_id] = until
        self.mutes = mutes or None

    def role_of(self, user_id: str) -> str:
        """Return the role of a member."""
        if user_id == self.owner:
            return Role.OWNER
        return Role.ADMIN if self.admins and user_id in self.admins else Role.MEMBER
