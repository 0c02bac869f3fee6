"""Private messages on their way to one server: those of one iteration of the reactor share a script."""

from __future__ import annotations

from collections.abc import Callable
from random import getrandbits
from typing import Any

from hiredis import ReplyError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from gim.log.logger import Logger
from gim.model import Message, MessageStatus, User
from gim.storage.announcements import MessageStored
from gim.storage.interface import Draft
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.store import scripts
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.records import time_of
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.subscriptions import Subscriptions
from gim.storage.rules import REQUEST_ID_WINDOW

MAX_TOGETHER = 32  # messages in one script, which stops the server for some 0.5 ms
_VARIANT = 0b10 << 62
_NORMAL = MessageStatus.NORMAL.value

_Waiting = tuple[Draft, Deferred[Any]]
_Announce = Callable[[str, MessageStored], None]


def random_tail() -> str:
    """Return the 16 hex digits that end an id: the variant of RFC 9562, and 62 random bits."""
    return f"{_VARIANT | getrandbits(62):016x}"


def storing_words(retention: Retention) -> tuple[Word, ...]:
    """Return the limits that the scripts take which store a message."""
    return (
        retention.ttl_ms,
        retention.max_session_messages,
        int(retention.sequences),
        REQUEST_ID_WINDOW * 1000,
        retention.request_ids_per_sender,
    )


class PrivateSends:
    """Sends the private messages of one iteration together, in their order.

    Half of what a message costs a server is for the call of the script, and a node writes and reads once
    for all. A message for users who are connected to this node only is not published: the node announces
    it when the reply arrives, which is where its publication would have been among those of others.
    """

    _log = Logger()

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        heartbeat: Heartbeat,
        retention: Retention,
        subscriptions: Subscriptions,
        announce: _Announce,
        clock: IReactorTime,
    ) -> None:
        """*announce* is called with a user and the announcement of a message to that user."""
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._subscriptions = subscriptions
        self._announce = announce
        self._clock = clock
        self._storing_words = storing_words(retention)
        self._users_ms = retention.users_ms
        self._waiting: list[_Waiting] = []
        self._soon: IDelayedCall | None = None

    def append(self, draft: Draft) -> Deferred[Any]:
        """Store and announce a message; fires with what `Writes.append` returns."""
        deferred: Deferred[Any] = Deferred()
        self._waiting.append((draft, deferred))
        if len(self._waiting) == MAX_TOGETHER:
            self.flush()
        elif self._soon is None:
            self._soon = self._clock.callLater(0, self._flush_now)
        return deferred

    def _flush_now(self) -> None:
        self._soon = None
        self.flush()

    def flush(self) -> None:
        """Send what waits now, so that it is stored before what is sent next."""
        if self._waiting:
            some, self._waiting = self._waiting, []
            Deferred.fromCoroutine(self._send(some)).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("the replies to private messages could not be handled", failure)

    async def _send(self, some: list[_Waiting]) -> None:
        try:
            heard, bases, words = self._command([draft for draft, _ in some])
            is_local, *results = await self._redis.run(scripts.SEND_PRIVATE, bases, *words)
        except Exception:
            failure = Failure()
            for _, deferred in some:
                deferred.errback(failure)
            return
        for n, ((draft, deferred), result) in enumerate(zip(some, results, strict=True)):
            if isinstance(result, ReplyError):
                deferred.errback(self._redis.explained(bases[0], result))
            elif isinstance(result, bytes) or isinstance(result[2], int):  # refused, or stored before
                deferred.callback(result)
            else:
                if is_local:
                    self._announce_here(draft, heard[2 * n : 2 * n + 2], *result)
                deferred.callback(result[:2])

    def _command(self, drafts: list[Draft]) -> tuple[str, tuple[str, ...], list[Word]]:
        """Return the digits that say which users this node hears, the keys, and the other words."""
        keys, user = self._keys, self._subscriptions.user
        users: list[str] = []
        sessions: list[str] = []
        heard = ""
        each: list[Word] = []
        usual = self._redis.deadline(keys.data)
        for draft in drafts:
            session, sender = draft.session, draft.sender
            receiver = session.peer_of(sender.id)
            for user_id in (sender.id, receiver):
                users.append(keys.user(user_id))
                subscription = user(user_id)
                heard += "1" if subscription is not None and subscription.held is None else "0"
            sessions.append(keys.session(session.id))
            each += (
                usual if draft.answer_by is None else self._deadline(draft.answer_by),
                random_tail(),
                session.id,
                sender.id,
                sender.name,
                receiver,
                draft.category,
                draft.content,
                draft.request_id,
                draft.origin,
                int(draft.is_alone),
            )
        start = self._heartbeat.retention_start()
        of_all = (*self._storing_words, start, self._users_ms, heard)
        return heard, (keys.data, *users, *sessions), [*of_all, *each]

    def _deadline(self, answer_by: float) -> int:
        return self._redis.deadline(self._keys.data, answer_by - self._clock.seconds())

    def _announce_here(
        self,
        draft: Draft,
        heard: str,
        packed_id: bytes,
        sequence: int,
        packed_name: bytes,
        title: bytes | None = None,
    ) -> None:
        """Announce a message to its users here. The sender is one if there is a *title* for them."""
        session, sender, message_id = draft.session, draft.sender, packed_id.decode()
        if (name := packed_name.decode()) != sender.name:
            sender = User(sender.id, name)
        message = Message(
            message_id,
            session.id,
            sender,
            draft.category,
            draft.content,
            sequence,
            _NORMAL,
            time_of(message_id),
        )
        self._heartbeat.mark_seen(message_id)
        try:
            if heard[1] == "1":
                receiver = session.peer_of(sender.id)
                self._announce(receiver, MessageStored(message, session, name, draft.origin, receiver))
            if title is not None and heard[0] == "1":
                news = MessageStored(message, session, title.decode(), draft.origin, sender.id)
                self._announce(sender.id, news)
        except Exception:  # the message is stored, and its sender is to know
            self._log.failure("a message could not be announced")
