"""Dismissals of chatrooms on Redis, which have an end whatever becomes of the node that began them."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from gim.concurrency.deadline import shielded
from gim.concurrency.gather import gather
from gim.errors import GimError, Unavailable
from gim.ids import chatroom_session
from gim.log.logger import Logger
from gim.model import EventType
from gim.storage.announcements import MemberLeft
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.store import scripts
from gim.storage.redis.store.chatrooms import RedisChatrooms
from gim.storage.redis.store.exits import Exits
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.retries import WriteRetries
from gim.storage.redis.store.script_errors import check

MEMBERS_READ = 500  # ids of members that are read in one reply
MEMBERS_AT_A_TIME = 50  # whose own keys change in one step: 0.3 ms of the server, and 1 ms of each node
PAUSE = 0.002  # seconds from one step to the next, for all else that the servers and the nodes do
ANSWER_AFTER = 1.0  # seconds that the one who dismisses a chatroom waits for its members to be out
LOOK_INTERVAL = 10  # beats from one look for unfinished dismissals to the next


class Dismissals:
    """Ends chatrooms, and then takes the members out, some at a time.

    One script ends the chatroom, for all at once. From then on its members wait in a key of it, and no
    chatroom of its id can be made until all of them are out. The data set lists the chatrooms that are
    being dismissed. Each node reads that list now and then and goes on with what is there, so a dismissal
    ends though its node did. Two nodes at the same one do no harm.
    """

    _log = Logger()

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        chatrooms: RedisChatrooms,
        exits: Exits,
        retries: WriteRetries,
        clock: IReactorTime,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._list = f"{keys.data}:dismissed"
        self._chatrooms = chatrooms
        self._exits = exits
        self._retries = retries
        self._clock = clock
        self._beats = 0
        self._under_way: set[str] = set()
        self._pauses: set[Deferred[None]] = set()

    async def dismiss(self, chatroom_id: str, by: str) -> None:
        """See `gim.storage.interface.Moderation.dismiss`."""
        await self._call_list("HSET", chatroom_id, by)
        try:
            reply = await self._redis.run(scripts.DISBAND, (self._base(chatroom_id),), by)
            check(reply, chatroom_id)
        except GimError as error:
            if not isinstance(error, Unavailable):  # then it may be done
                await self._call_list("HDEL", chatroom_id)
            raise
        ended = shielded(self._take_out(chatroom_id, by))
        try:
            await ended.addTimeout(ANSWER_AFTER, self._clock)
        except TimeoutError:  # the rest follows
            pass

    def _base(self, chatroom_id: str) -> str:
        return self._keys.session(chatroom_session(chatroom_id).id)

    def _call_list(self, command: str, *words: str) -> Awaitable[Any]:
        return self._redis.call(self._keys.data, command, self._list, *words)

    async def _take_out(self, chatroom_id: str, by: str) -> None:
        """Take all members of a dismissed chatroom out; after a fault, try again until it is done."""
        try:
            await self._exit_all(chatroom_id, by)
        except Unavailable:
            self._retries.add(("dismiss", chatroom_id), partial(self._exit_all, chatroom_id, by))
            raise

    async def _exit_all(self, chatroom_id: str, by: str) -> None:
        """Change the keys of all members of a dismissed chatroom."""
        going = f"{self._base(chatroom_id)}:going"
        self._under_way.add(chatroom_id)
        try:
            while ids := await self._call(chatroom_id, "ZRANGE", going, 0, MEMBERS_READ - 1):
                await self._exit_some(chatroom_id, by, ids)
            await self._call_list("HDEL", chatroom_id)
        finally:
            self._under_way.discard(chatroom_id)

    async def _exit_some(self, chatroom_id: str, by: str, ids: list[bytes]) -> None:
        """Change the keys of some members, and take these from those who are going.

        A node of an earlier version may have let them join again meanwhile; they stay.
        """
        base = self._base(chatroom_id)
        back = await self._call(chatroom_id, "ZMSCORE", f"{base}:members", *ids)
        for begin in range(0, len(ids), MEMBERS_AT_A_TIME):
            end = begin + MEMBERS_AT_A_TIME
            some, scores = ids[begin:end], back[begin:end]
            gone = [one.decode() for one, score in zip(some, scores, strict=True) if score is None]
            await self._exit(MemberLeft(one, chatroom_id, EventType.DISMISSED, by) for one in gone)
            taking = self._call(chatroom_id, "ZREM", f"{base}:going", *some)
            await gather([taking, self._pause()] if end < len(ids) else [taking])

    def _call(self, chatroom_id: str, *words: Word) -> Awaitable[Any]:
        return self._redis.call(self._base(chatroom_id), *words)

    async def _exit(self, lefts: Iterable[MemberLeft]) -> None:
        for left in await self._exits.try_exits(list(lefts)):
            self._chatrooms.membership_changed(left)

    async def _pause(self) -> None:
        pause: Deferred[None] = deferLater(self._clock, PAUSE)
        self._pauses.add(pause)
        try:
            await pause
        finally:
            self._pauses.discard(pause)

    def beaten(self) -> None:
        """Go on with unfinished dismissals now and then, for the first time at the first beat."""
        self._beats += 1
        if self._beats % LOOK_INTERVAL == 1:
            Deferred.fromCoroutine(self._go_on()).addErrback(self._failed)

    async def _go_on(self) -> None:
        for found in await self._call_list("HKEYS"):
            chatroom_id = found.decode()
            by = await self._call_list("HGET", chatroom_id)
            if by is not None and chatroom_id not in self._under_way:
                await self._exit_all(chatroom_id, by.decode())

    def _failed(self, failure: Failure) -> None:
        if failure.check(Unavailable, CancelledError) is None:
            self._log.failure("dismissals could not be finished", failure)

    def stop(self) -> None:
        """Leave what is under way to other nodes, or to the next start."""
        for pause in tuple(self._pauses):
            pause.cancel()
