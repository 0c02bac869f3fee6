"""Moderation in memory: what roles allow, recalls, and bans."""

from __future__ import annotations

from gim.ids import CHATROOM, SYSTEM, Session
from gim.model import Ban, Event, EventType, MessageStatus, Role
from gim.storage import refusals
from gim.storage.announcements import MemberLeft, SessionEvent
from gim.storage.memory.archive import Archive
from gim.storage.memory.bans import Bans
from gim.storage.memory.chatrooms import MemoryChatrooms
from gim.storage.memory.people import People
from gim.storage.memory.recorder import Recorder, RoomFields
from gim.storage.memory.records import Chatroom
from gim.storage.memory.subscribers import announce
from gim.storage.rules import RANKS, RECALL_WITHIN_MS, may_act, rank_of


class MemoryModeration:
    """Implements `gim.storage.interface.Moderation`."""

    def __init__(
        self,
        archive: Archive,
        people: People,
        chatrooms: MemoryChatrooms,
        bans: Bans,
        recorder: Recorder,
    ) -> None:
        self._archive = archive
        self._people = people
        self._chatrooms = chatrooms
        self._bans = bans
        self._recorder = recorder

    def _allowed(self, action: str, chatroom_id: str, by: str, user_id: str | None = None) -> Chatroom:
        """Return the chatroom if *by* may act in it, on the member *user_id* unless it is None."""
        chatroom = self._archive.chatroom(chatroom_id)
        rank, other_rank = self._rank_of(chatroom, by), 0
        if rank < RANKS[Role.ADMIN]:
            raise refusals.wrong_role(chatroom_id)
        if user_id is not None:
            other_rank = rank_of(user_id, self._chatrooms.role_of(chatroom, user_id))
            if not other_rank:
                raise refusals.stranger(chatroom_id)
        if not may_act(action, rank, other_rank):
            raise refusals.wrong_role(chatroom_id)
        return chatroom

    def _rank_of(self, chatroom: Chatroom, by: str) -> int:
        """Return the rank of *by*, or raise `Forbidden` for a user who is not a member."""
        if by != SYSTEM:
            self._archive.membership(chatroom.session.parts[0], by)
        return rank_of(by, chatroom.role_of(by))

    async def rename(self, chatroom_id: str, by: str, name: str) -> None:
        chatroom = self._allowed("rename", chatroom_id, by)
        self._set(chatroom, chatroom.fields()._replace(name=name))
        self._chatrooms.announce(chatroom, Event(EventType.RENAMED, by, chatroom.session.id, name=name))

    async def dismiss(self, chatroom_id: str, by: str) -> None:
        chatroom = self._allowed("dismiss", chatroom_id, by)
        await self._chatrooms.dismiss(chatroom, by)

    async def remove(self, chatroom_id: str, by: str, user_id: str) -> None:
        chatroom = self._allowed("remove", chatroom_id, by, user_id)
        event = Event(EventType.REMOVED, by, chatroom.session.id, user_id)
        self._chatrooms.remove(chatroom, MemberLeft(user_id, chatroom_id, EventType.REMOVED, by), event)

    async def mute(self, chatroom_id: str, by: str, user_id: str, duration_ms: int) -> int:
        chatroom = self._allowed("mute", chatroom_id, by, user_id)
        until = self._archive.now_ms() + duration_ms if duration_ms else 0
        self._recorder.muted(chatroom_id, user_id, until)
        chatroom.mute(user_id, until, self._archive.retention_ms())
        event = Event(EventType.MUTED, by, chatroom.session.id, user_id, until=until)
        self._chatrooms.announce(chatroom, event)
        return until

    async def appoint(self, chatroom_id: str, by: str, user_id: str, role: str) -> None:
        chatroom = self._allowed("appoint", chatroom_id, by, user_id)
        self._set(chatroom, _appointed(chatroom.fields(), user_id, role))
        event = Event(EventType.APPOINTED, by, chatroom.session.id, user_id, role=role)
        self._chatrooms.announce(chatroom, event)

    def _set(self, chatroom: Chatroom, fields: RoomFields) -> None:
        self._recorder.room(fields)
        chatroom.take(fields)

    async def recall(self, session: Session, by: str, message_id: str) -> None:
        if session.type == CHATROOM and by != SYSTEM:
            self._archive.membership(session.parts[0], by)
        message = self._archive.message(session, message_id)
        if not self._may_recall(session, by, message.sender.id, message.created_at):
            raise refusals.too_late_to_recall()
        if message.status != MessageStatus.RECALLED:
            self._recorder.recalled(session.id, message_id)
            self._archive.recall(message)
        event = Event(EventType.RECALLED, by, session.id, message_id=message_id)
        if session.type == CHATROOM:
            self._chatrooms.announce(self._archive.chatroom(session.parts[0]), event)
            return
        for user_id in session.parts:
            announce(self._people[user_id], SessionEvent(session, event, user_id))

    def _may_recall(self, session: Session, by: str, sender: str, sent_at: int) -> bool:
        if by == SYSTEM or (by == sender and self._archive.now_ms() - sent_at <= RECALL_WITHIN_MS):
            return True
        if session.type != CHATROOM:
            return False
        chatroom = self._archive.chatroom(session.parts[0])
        if by == sender:
            return may_act("recall", self._rank_of(chatroom, by))
        other_rank = rank_of(sender, self._chatrooms.role_of(chatroom, sender))
        return may_act("recall", self._rank_of(chatroom, by), other_rank)

    async def ban(self, user_id: str, duration_ms: int, remember_ms: int) -> int:
        return self._bans.begin(user_id, duration_ms, remember_ms)

    async def unban(self, user_id: str) -> None:
        self._bans.end(user_id)

    async def ban_of(self, user_id: str) -> Ban:
        return self._bans.of(user_id)


def _appointed(room: RoomFields, user_id: str, role: str) -> RoomFields:
    """Return a chatroom in which a member has a role."""
    owner, admins = room.owner, dict.fromkeys(room.admins)
    if role == Role.OWNER:
        if owner:
            admins[owner] = None
        owner = user_id
    elif user_id == owner:
        owner = ""
    if role == Role.ADMIN:
        admins[user_id] = None
    else:
        admins.pop(user_id, None)
    return room._replace(owner=owner, admins=tuple(admins))
