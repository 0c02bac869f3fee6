"""The state of the memory store, apart from the messages, in small portions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, TypeAlias

from sortedcontainers import SortedList

from gim.storage.durable.effects import (
    Chatroom,
    Emptied,
    Globals,
    MemberJoined,
    Person,
    Private,
    StateEffect,
    UserBanned,
)
from gim.storage.memory import records
from gim.storage.memory.data import MemoryData

PORTION: Final = 32  # effects, some 0.15 ms
ROOMS_OF_PORTION: Final = 8  # each with its mutes and its recalled messages

_BEFORE_PRIVATE: Final = "2"  # above the sessions of chatrooms, 1:…, and below the private ones, 2:…

Portions: TypeAlias = Iterator[list[StateEffect]]


def slices(data: MemoryData) -> Portions:
    """Yield the state in portions of up to `PORTION` effects, each as it is when it is yielded.

    The store may change between two portions, so the caller notes where the log stands at each. What
    comes and goes meanwhile is in the log. Sessions come before people: if a message is trimmed in
    between, it is missing from the session that was yielded, or the person says so.
    """
    yield [_globals(data)]  # the floor, which the reader of the older messages needs first
    yield from _chatrooms(data)
    yield from _memberships(data)
    yield from _private_sessions(data)
    yield from _emptied(data)
    yield from _people(data)
    yield from _bans(data)
    yield [_globals(data)]


def _globals(data: MemoryData) -> Globals:
    archive, people = data.archive, data.people
    return Globals(
        archive.ids.last,
        archive.newest_trimmed,
        people.forgotten_dropped,
        people.events.floor,
        data.settings.max_session_messages,
    )


def _chatrooms(data: MemoryData) -> Portions:
    last = ""
    while ids := _next_ids(data.archive.chatroom_ids, last):
        yield [_chatroom(data, room_id) for room_id in ids]
        last = ids[-1]


def _next_ids(ids: SortedList[str], last: str) -> list[str]:
    return list(islice(ids.irange(last, inclusive=(False, True)), ROOMS_OF_PORTION))


def _chatroom(data: MemoryData, room_id: str) -> Chatroom:
    room = data.archive.chatroom(room_id)
    return Chatroom(
        room_id,
        room.created,
        room.name,
        room.is_kept,
        room.owner,
        tuple(room.admins or ()),
        room.mutes or {},
        room.sequence,
        tuple(room.recalled or ()),
        data.archive.messages.first_of(room.session.id) or "",
    )


def _memberships(data: MemoryData) -> Portions:
    last = "", ""
    while found := data.memberships.above(last, PORTION):
        yield [
            MemberJoined(room, user, one.joined, one.read)
            for room, user, one in found
            if not one.chatroom.is_gone
        ]
        last = found[-1][:2]


def _private_sessions(data: MemoryData) -> Portions:
    last = _BEFORE_PRIVATE
    while True:
        found: list[StateEffect] = []
        while len(found) < PORTION and (first := data.archive.messages.first_after(last)) is not None:
            last = first[0]
            found.append(_private(data, *first))
        if not found:
            return
        yield found


def _private(data: MemoryData, session_id: str, first: str) -> Private:
    conversation = data.archive[session_id]
    one, other = conversation.session.parts
    return Private(
        session_id,
        conversation.sequence,
        data.people[one].private[session_id],
        data.people[other].private[session_id],
        tuple(conversation.recalled or ()),
        first,
    )


def _emptied(data: MemoryData) -> Portions:
    emptied = data.archive.emptied()  # so many that copying them takes 1 ms
    for start in range(0, len(emptied), PORTION):
        yield [Emptied(*one) for one in emptied[start : start + PORTION]]


def _people(data: MemoryData) -> Portions:
    last = ""
    while people := data.people.above(last, PORTION):
        yield [_person(data, person) for person in people]
        last = people[-1].id


def _person(data: MemoryData, person: records.Person) -> Person:
    return Person(
        person.id,
        person.title if person.has_logged_in else None,
        person.delivered_up_to,
        person.newest_dropped,
        data.people.events.last(person.id),
        data.people.events.is_online(person.id),
    )


def _bans(data: MemoryData) -> Portions:
    users = data.bans.kept()
    for start in range(0, len(users), PORTION):
        entries = ((user, data.bans.entry(user)) for user in users[start : start + PORTION])
        yield [UserBanned(user, one[0].since, one[0].until, one[1]) for user, one in entries if one]
