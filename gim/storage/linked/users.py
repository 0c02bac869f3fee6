"""Users of the parent's store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.link.channel import Channel
from gim.model import User, UserState
from gim.storage.interface import Entrance, Entry
from gim.storage.linked import calls
from gim.storage.linked.long_answers import LongAnswers
from gim.storage.linked.marks import DeliveryMarks
from gim.storage.linked.messages import missed_of
from gim.storage.linked.subscriptions import Grants


class LinkedUsers:
    """Implements `gim.storage.interface.Users`."""

    def __init__(
        self,
        channel: Channel,
        clock: IReactorTime,
        marks: DeliveryMarks,
        grants: Grants,
        long_answers: LongAnswers,
    ) -> None:
        self._channel = channel
        self._seconds = clock.seconds
        self._marks = marks
        self._grants = grants
        self._long_answers = long_answers
        self._connections: Counter[str] = Counter()  # by user

    async def put(self, user_id: str, name: str | None) -> User:
        return await self._channel.ask(calls.PutUser(user_id=user_id, name=name), User)

    async def get(self, user_id: str) -> UserState:
        return await self._channel.ask(calls.GetUser(user_id=user_id), UserState)

    async def find(
        self, prefix: str, cursor: str, count: int, online_only: bool
    ) -> tuple[list[UserState], str]:
        question = calls.FindUsers(prefix=prefix, cursor=cursor, count=count, online_only=online_only)
        return await self._long_answers.ask(question, tuple[list[UserState], str])

    async def enter(self, entry: Entry, admit: Callable[[list[str]], None]) -> Entrance:
        """See `gim.storage.interface.Users.enter`. A user that *admit* refuses was online shortly."""
        leave = partial(self._send_exit, entry.user_id)
        await self._long_answers.begin()
        self._marks.flush()
        question = calls.Enter(
            user_id=entry.user_id,
            name=entry.name,
            since=entry.since,
            limit=entry.limit,
            answer_by=self._seconds() + ANSWER_TIMEOUT,
        )
        entered = await self._grants.ask(question, calls.Entered, leave, self._long_answers.end)
        try:
            admit(entered.chatroom_ids)
        except BaseException:
            leave()
            raise
        self._connections[entry.user_id] += 1
        return Entrance(entered.user, entered.chatroom_ids, missed_of(entered.missed))

    def exit(self, user_id: str) -> bool:
        """See `gim.storage.interface.Users.exit`. Returns whether it was the last one of this worker."""
        left = self._connections[user_id] - 1
        if left >= 0:
            self._marks.flush()
            self._send_exit(user_id)
        if left > 0:
            self._connections[user_id] = left
        else:
            del self._connections[user_id]
        return left <= 0

    def _send_exit(self, user_id: str) -> None:
        self._channel.send(calls.Exit(user_id))
