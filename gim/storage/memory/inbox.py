"""The inbox of one user in memory: their sessions, and the private messages they missed."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappush, heappushpop, merge
from itertools import islice

from gim.ids import CHATROOM, PRIVATE
from gim.model import Message, SessionItem
from gim.storage.interface import Missed, Position
from gim.storage.memory.archive import Archive
from gim.storage.memory.people import People
from gim.storage.memory.records import Chatroom, Person
from gim.storage.message_ids import FIRST


class Inbox:
    """Reads. Only the delivery mark of a user who missed nothing is moved."""

    def __init__(self, archive: Archive, people: People) -> None:
        self._archive = archive
        self._people = people

    def sessions(
        self, person: Person, kind: int | None, after: Position | None, count: int
    ) -> tuple[list[SessionItem], Position | None]:
        """See `gim.storage.interface.Messages.sessions`.

        The cost is that of walking over the lines before the page, and of sorting the user's chatrooms.
        """
        ranks: list[Iterator[Position]] = []
        if kind != CHATROOM:
            ranks.append(self._private_ranks(person))
        if kind != PRIVATE:
            ranks.append(self._chatroom_ranks(person))
        older = (rank for rank in merge(*ranks, reverse=True) if after is None or rank < after)
        page = list(islice(older, count + 1))
        items = [self._item(person, session_id) for _, session_id in page[:count]]
        return items, page[count - 1] if len(page) > count else None

    def _private_ranks(self, person: Person) -> Iterator[Position]:
        floor = self._archive.floor()
        for session_id in reversed(person.private):
            last = self._archive[session_id].last
            if last is None or last.id < floor:
                return
            yield last.id, session_id

    def _chatroom_ranks(self, person: Person) -> Iterator[Position]:
        ranks = []
        for chatroom_id, membership in person.rooms.items():
            chatroom = self._archive.chatroom(chatroom_id)
            last = self._archive.live_last(chatroom)
            ranks.append((last.id if last else membership.joined, chatroom.session.id))
        return iter(sorted(ranks, reverse=True))

    def _item(self, person: Person, session_id: str) -> SessionItem:
        conversation = self._archive[session_id]
        session, last = conversation.session, self._archive.live_last(conversation)
        if isinstance(conversation, Chatroom):
            title, read = conversation.name, person.rooms[session.parts[0]].read
        else:
            title = self._people.title(session.peer_of(person.id))
            read = person.private[session_id]
        unread = self._archive.unread(session_id, read)
        return SessionItem(session_id, session.type, title, last, unread)

    def missed(self, person: Person, since: str | None, limit: int) -> Missed:
        """See `gim.storage.interface.Messages.missed`."""
        after = person.delivered_up_to if since is None else since
        newest = self._newest_private(person, after, limit + 1, own=since is not None)
        complete = len(newest) <= limit and (since is None or not self._lost_after(person, since))
        if not newest and since is None:  # the next call need not pass over the own messages again
            newest_id, _ = next(self._private_ranks(person), (FIRST, ""))
            person.delivered_up_to = max(person.delivered_up_to, newest_id)
        messages = newest[-limit:]
        return Missed(messages, self._titles(person, messages), complete)

    def _titles(self, person: Person, messages: list[Message]) -> dict[str, str]:
        sessions = (self._archive[key].session for key in {m.session_id for m in messages})
        return {session.id: self._people.title(session.peer_of(person.id)) for session in sessions}

    def _newest_private(self, person: Person, after: str, limit: int, own: bool) -> list[Message]:
        """Return the newest *limit* private messages after an id, ascending.

        A heap holds the newest found so far. Sessions come by their last message, newest first, and
        each is walked backwards: both walks end at what is older than everything in a full heap.
        """
        heap: list[tuple[str, Message]] = []
        after = max(after, self._archive.floor())
        for last_id, session_id in self._private_ranks(person):
            if last_id <= after:
                break
            for message in self._archive.messages.newest_first(session_id, after):
                if message.sender.id == person.id and not own:
                    continue
                if len(heap) < limit:
                    heappush(heap, (message.id, message))
                elif message.id > heap[0][0]:
                    heappushpop(heap, (message.id, message))
                else:
                    break
            if len(heap) == limit:
                after = max(after, heap[0][0])
        return [message for _, message in sorted(heap)]

    def _lost_after(self, person: Person, since: str) -> bool:
        """Say whether a private message after *since* is not kept any more, or has expired."""
        floor = self._archive.floor()
        return person.newest_dropped > since or any(
            self._archive.messages.has_between(session_id, since, floor) for session_id in person.private
        )
