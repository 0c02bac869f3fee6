"""The inbox of one user in memory: their sessions, and the private messages they missed."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappush, heappushpop, merge, nlargest
from itertools import islice, takewhile

from gim.ids import CHATROOM, PRIVATE
from gim.model import Message, SessionItem
from gim.storage.interface import Missed, Position
from gim.storage.memory.archive import Archive
from gim.storage.memory.people import People
from gim.storage.memory.recorder import Recorder
from gim.storage.memory.records import Chatroom, Person
from gim.storage.memory.session_order import MIN_ORDERED, SessionOrder
from gim.storage.message_ids import FIRST

MAX_EXPIRED = 1000  # messages that a login removes, some 5 ms, to know whether any of its user is lost


class Inbox:
    """Reads. Only the delivery mark of a user who missed nothing is moved."""

    def __init__(self, archive: Archive, people: People, recorder: Recorder) -> None:
        self._archive = archive
        self._people = people
        self._record_delivered = recorder.delivered

    def sessions(
        self, person: Person, kind: int | None, after: Position | None, count: int, since: str
    ) -> tuple[list[SessionItem], Position | None]:
        """See `gim.storage.interface.Messages.sessions`.

        The cost is that of the lines of the page, and of a look at each of the user's chatrooms.
        """
        ranks: list[Iterator[Position]] = []
        if kind != CHATROOM:
            ranks.append(self._private_ranks_before(person, after))
        if kind != PRIVATE:
            ranks.append(self._chatroom_ranks(person, after, count + 1))
        newer = takewhile(lambda rank: rank[0] > since, merge(*ranks, reverse=True))
        page = list(islice(newer, count + 1))
        items = [self._item(person, session_id) for _, session_id in page[:count]]
        return items, page[count - 1] if len(page) > count else None

    def _private_ranks_before(self, person: Person, after: Position | None) -> Iterator[Position]:
        if after is None:
            return self._private_ranks(person)
        if len(person.private) < MIN_ORDERED:
            return (rank for rank in self._private_ranks(person) if rank < after)
        return self._ordered_ranks(person, after)

    def _ordered_ranks(self, person: Person, after: Position) -> Iterator[Position]:
        if person.order is None or person.order.is_stale(len(person.private)):
            person.order = self._order(person)
        floor = self._archive.floor()
        for rank in person.order.older(after):
            if rank[0] < floor:
                return
            conversation = self._archive.get(rank[1])
            last = conversation.last if conversation is not None else None
            if last is not None and last.id == rank[0]:
                yield rank

    def _order(self, person: Person) -> SessionOrder:
        lasts = (self._archive[session_id].last for session_id in person.private)
        return SessionOrder((last.id, last.session_id) for last in lasts if last is not None)

    def moved(self, person: Person, message: Message) -> None:
        """Note that a session of a person with an order has a new last message."""
        if person.order is None or person.order.is_stale(len(person.private)):
            person.order = None  # made anew by the next page that needs it
        else:
            person.order.add((message.id, message.session_id))

    def _private_ranks(self, person: Person) -> Iterator[Position]:
        floor = self._archive.floor()
        for session_id in reversed(person.private):
            last = self._archive[session_id].last
            if last is None or last.id < floor:
                return
            yield last.id, session_id

    def _chatroom_ranks(self, person: Person, after: Position | None, count: int) -> Iterator[Position]:
        floor, ranks = self._archive.floor(), []
        for membership in person.rooms.values():
            chatroom = membership.chatroom
            if chatroom.is_gone:
                continue
            last = chatroom.last
            rank = last.id if last is not None and last.id >= floor else membership.joined
            if after is None or rank <= after[0]:
                ranks.append((rank, chatroom.session.id))
        return iter(nlargest(count, ranks if after is None else [one for one in ranks if one < after]))

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
        if since is None and not person.private:  # as most who log in to play or look on
            return Missed([], {}, True)
        after = person.delivered_up_to if since is None else since
        newest = self._newest_private(person, after, limit + 1, own=since is not None)
        complete = len(newest) <= limit and (since is None or not self._lost_after(person, since))
        if not newest and since is None:  # the next call need not pass over the own messages again
            newest_id, _ = next(self._private_ranks(person), (FIRST, ""))
            self._delivered(person, newest_id)
        messages = newest[-limit:]
        return Missed(messages, self._titles(person, messages), complete)

    def _delivered(self, person: Person, message_id: str) -> None:
        if message_id > person.delivered_up_to:
            person.delivered_up_to = message_id
            if self._record_delivered is not None:
                self._record_delivered(person.id, message_id)

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
            for message in self._archive.newest_first(self._archive[session_id], after):
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
        if person.newest_dropped > since:
            return True
        floor = self._archive.floor()
        if since >= floor:
            return False
        if not self._archive.expire(MAX_EXPIRED):  # no other expired message waits to be removed
            return person.newest_dropped > since
        return any(
            self._archive.messages.has_between(session_id, since, floor) for session_id in person.private
        )
