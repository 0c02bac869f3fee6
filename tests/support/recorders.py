"""A recorder that writes down what it gets, or refuses it; and all that a memory store holds."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from sortedcontainers import SortedDict, SortedList

from gim.errors import Unavailable
from gim.model import Message, User
from gim.storage.memory.data import MemoryData
from gim.storage.memory.recorder import JoinedFields, Recorder, RoomFields
from gim.storage.message_ids import TimeIds
from tests.support.storage_behaviour.memory import attributes_of


class ListRecorder(Recorder):
    """Adds an entry to ``log`` for each call: the name of the method and its arguments.

    While it refuses, it adds none and raises `Unavailable` where it may.
    """

    lasts = True

    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []
        self.refuses = False
        self.names: list[User] = []
        self.marks: list[tuple[str, str]] = []
        self.gone: list[Message] = []

    def entries(self) -> list[tuple[Any, ...]]:
        """Return the entries of ``log``, without what a listener adds."""
        return [entry for entry in self.log if entry[0] != "announced"]

    def _add(self, *entry: Any) -> None:
        self.check()
        self.log.append(entry)

    def message(self, message: Message, request_id: str) -> None:
        self._add("message", message, request_id)

    def delivered(self, user_id: str, message_id: str) -> None:
        self.marks.append((user_id, message_id))

    def dropped(self, message: Message) -> None:
        self.gone.append(message)

    def user(self, user: User) -> None:
        self.names.append(user)

    def read(self, reader: str, session_id: str, message_id: str) -> None:
        self._add("read", reader, session_id, message_id)

    def room(self, room: RoomFields) -> None:
        self._add("room", *room)

    def created(self, room: RoomFields, joined: JoinedFields) -> None:
        self._add("created", *room, *joined)

    def joined(self, joined: JoinedFields) -> None:
        self._add("joined", *joined)

    def left(self, room_id: str, user_id: str, owner: str, is_gone: bool) -> None:
        self._add("left", room_id, user_id, owner, is_gone)

    def dismissed(self, room_id: str) -> None:
        self._add("dismissed", room_id)

    def muted(self, room_id: str, user_id: str, until: int) -> None:
        self._add("muted", room_id, user_id, until)

    def recalled(self, session_id: str, message_id: str) -> None:
        self._add("recalled", session_id, message_id)

    def ban(self, user_id: str, since: int, until: int, forget_at: int) -> None:
        self._add("ban", user_id, since, until, forget_at)

    def event(self, user_id: str, number: int, online: bool | None) -> None:
        self._add("event", user_id, number, online)

    def check(self) -> None:
        if self.refuses:
            raise Unavailable("the disk is full")


def contents_of(data: MemoryData) -> Any:
    """Return all that the parts of a memory store hold, as values that can be compared.

    Left out are ids that were made and not used, and what is not of the store: its clocks and recorder.
    """
    return _values(data, {id(data.limits): "the limits", id(data.recorder): "the recorder"})


def _values(thing: Any, seen: dict[int, str]) -> Any:
    if isinstance(thing, dict | SortedDict):
        return [(key, _values(value, seen)) for key, value in thing.items()]
    if isinstance(thing, list | tuple | SortedList) and not isinstance(thing, str):
        return [_values(one, seen) for one in thing]
    if isinstance(thing, set):
        return sorted(thing)
    if isinstance(thing, str | int | float | bytes | Struct | None):
        return thing
    if not type(thing).__module__.startswith("gim.storage.memory.") or isinstance(thing, TimeIds):
        return type(thing).__name__
    if id(thing) in seen:
        return seen[id(thing)]
    seen[id(thing)] = f"{type(thing).__name__} {len(seen)}"
    return {name: _values(value, seen) for name, value in attributes_of(thing).items()}
