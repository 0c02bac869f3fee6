"""The lines of a dump of a memory store that does not change meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from secrets import token_hex

from gim.ids import chatroom_session
from gim.ids import session as session_of
from gim.storage.durable.effects import (
    Chatroom,
    Emptied,
    MemberJoined,
    Person,
    Private,
    StateEffect,
    UserBanned,
)
from gim.storage.durable.state import slices
from gim.storage.memory.data import MemoryData
from gim.storage.message_ids import FIRST
from gim.storage.transfer.lines import (
    FORMAT,
    BanLine,
    ChatroomLine,
    Entry,
    Head,
    MemberLine,
    MessageLine,
    PrivateLine,
    UserLine,
)
from gim.storage.transfer.positions import lost_before, position


class MemorySource:
    """The lines of all that a memory store holds."""

    def __init__(self, data: MemoryData, created_at: int) -> None:
        """*created_at* is when the data set was begun, in Unix ms."""
        self._data = data
        self._created_at = created_at
        self._now_ms = data.archive.now_ms()
        self._effects: dict[type, list[StateEffect]] = defaultdict(list)
        for portion in slices(data):
            for effect in portion:
                self._effects[type(effect)].append(effect)
        self._request_ids = dict(data.answers.kept())

    def head(self) -> Head:
        """Return the first line."""
        return Head(
            format=FORMAT,
            id=token_hex(8),
            storage="memory",
            taken_at=self._now_ms,
            epoch=self._data.epoch,
            created_at=self._created_at,
            last_id=position(self._data.archive.ids.last),
            lost=position(self._data.people.forgotten_dropped),
        )

    def entries(self) -> Iterator[Entry]:
        """Yield the other lines in their order."""
        for effect in self._of(Person, UserBanned):
            if isinstance(effect, Person):
                yield _user(effect)
            elif isinstance(effect, UserBanned) and effect.forget_at > self._now_ms:
                yield _ban(effect)
        for effect in self._of(Private, Emptied):
            if isinstance(effect, Private):
                yield _private(effect)
                yield from self._messages(effect.session)
            elif isinstance(effect, Emptied):
                yield PrivateLine(id=effect.session, sequence=effect.sequence)
        members = self._members()
        for effect in self._of(Chatroom):
            if isinstance(effect, Chatroom):
                yield self._chatroom(effect)
                yield from members[effect.id]
                yield from self._messages(chatroom_session(effect.id).id)

    def _of(self, *kinds: type) -> Iterable[StateEffect]:
        for kind in kinds:
            yield from self._effects[kind]

    def _members(self) -> dict[str, list[MemberLine]]:
        found: dict[str, list[MemberLine]] = defaultdict(list)
        for effect in self._of(MemberJoined):
            if isinstance(effect, MemberJoined):
                found[effect.room].append(
                    MemberLine(
                        chatroom_id=effect.room,
                        user_id=effect.user,
                        joined=effect.joined,
                        read=position(effect.read),
                    )
                )
        return found

    def _chatroom(self, effect: Chatroom) -> ChatroomLine:
        return ChatroomLine(
            id=effect.id,
            name=effect.name,
            owner_id=effect.owner,
            is_kept=effect.is_kept,
            admins=list(effect.admins),
            muted={user_id: end for user_id, end in effect.mutes.items() if end > self._now_ms},
            sequence=effect.sequence,
        )

    def _messages(self, session_id: str) -> Iterator[MessageLine]:
        newest_first = list(self._data.archive.messages.newest_first(session_id, FIRST))
        for message in reversed(newest_first):
            yield MessageLine.of(message, self._request_ids.get(message.id, ""))


def _user(effect: Person) -> UserLine:
    return UserLine(
        id=effect.id,
        name=effect.name,
        delivered=position(effect.delivered),
        lost=lost_before(position(effect.newest_dropped)),
        event_number=effect.event_number,
        online=effect.is_online,
    )


def _ban(effect: UserBanned) -> BanLine:
    return BanLine(
        user_id=effect.user, since=effect.since, until=effect.until, forgotten_at=effect.forget_at
    )


def _private(effect: Private) -> PrivateLine:
    read = zip(session_of(effect.session).parts, (effect.read_a, effect.read_b), strict=True)
    return PrivateLine(
        id=effect.session,
        sequence=effect.sequence,
        read={user_id: upto for user_id, upto in read if position(upto)},
    )
