"""Messages of the parent's store."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.clocks import WallClock
from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.ids import Session
from gim.link.channel import Channel
from gim.model import Message, Sent, SessionItem
from gim.storage.interface import Draft, Missed, Position
from gim.storage.linked import calls
from gim.storage.linked.long_answers import LongAnswers
from gim.storage.linked.marks import DeliveryMarks
from gim.storage.message_ids import FIRST, first_id_of


class LinkedMessages:
    """Implements `gim.storage.interface.Messages`."""

    append_at_once = None

    def __init__(
        self,
        channel: Channel,
        clock: IReactorTime,
        wall: WallClock,
        marks: DeliveryMarks,
        long_answers: LongAnswers,
    ) -> None:
        self._ask = channel.ask
        self._seconds = clock.seconds
        self._wall = wall
        self._marks = marks
        self._long_answers = long_answers
        self.delivered = marks.put
        self._rank = FIRST  # one that the store told

    async def append(self, draft: Draft, /) -> Sent:
        sender, session_id = draft.sender, draft.session.id
        sent = await self._ask(
            calls.Append(
                session_id=session_id,
                sender_id=sender.id,
                sender_name=sender.name,
                content=draft.content,
                category=draft.category,
                request_id=draft.request_id,
                origin=draft.origin,
                is_alone=draft.is_alone,
                as_admin=draft.as_admin,
                answer_by=draft.answer_by or self._seconds() + ANSWER_TIMEOUT,
            ),
            calls.Appended,
        )
        return Sent(sent.id, session_id, sent.sequence, sent.created_at)

    async def history(
        self, session: Session, reader: str, before: str | None, count: int
    ) -> tuple[list[Message], bool]:
        question = calls.History(session_id=session.id, reader=reader, before=before, count=count)
        return await self._long_answers.ask(question, tuple[list[Message], bool])

    def newest_rank(self) -> str:
        """Return the current time in the form of an id, or an id of the store if that is above it.

        The question has the store make an id as well, before it serves what this worker asks for next.
        Ids rise even if the clock is set back, so all later ones are above the time that is returned.
        """
        self._ask(calls.NewestRank(), str).addCallbacks(self._set_rank, lambda _: None)
        return max(self._rank, first_id_of(self._wall.now_ms()))

    def _set_rank(self, rank: str) -> None:
        self._rank = rank

    async def sessions(
        self, user_id: str, kind: int | None, after: Position | None, count: int, since: str = FIRST
    ) -> tuple[list[SessionItem], Position | None]:
        question = calls.Sessions(user_id=user_id, kind=kind, after=after, count=count, since=since)
        return await self._long_answers.ask(question, tuple[list[SessionItem], Position | None])

    async def mark_read(self, session: Session, reader: str, message_id: str) -> int:
        question = calls.MarkRead(session_id=session.id, reader=reader, message_id=message_id)
        return await self._ask(question, int)

    async def missed(self, user_id: str, since: str | None, limit: int) -> Missed:
        question = calls.Missed(user_id=user_id, since=since, limit=limit)
        self._marks.flush()
        return missed_of(await self._long_answers.ask(question, calls.MissedMessages))


def missed_of(sent: calls.MissedMessages) -> Missed:
    """Return what the store sent as it is in the interface."""
    return Missed(sent.messages, sent.titles, sent.complete)
