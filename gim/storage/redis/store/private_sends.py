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
from gim.model import Message, MessageStatus, Sent, User
from gim.storage.announcements import MessageStored
from gim.storage.interface import Draft
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.store import scripts
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.records import time_of
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.subscriptions import Subscription, Subscriptions
from gim.storage.rules import REQUEST_ID_WINDOW

MAX_TOGETHER = 32  # messages in one script, which stops the server for some 0.5 ms
_VARIANT = 0b10 << 62
_NORMAL = MessageStatus.NORMAL.value
_NAME, _TITLE = 2, 3  # where a result has the sender's name, and the title for the sender

_Waiting = tuple[Draft, Deferred[Any]]
_Hearing = tuple[Subscription | None, Subscription | None]  # of the sender, of the receiver


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
        hear: Callable[[Subscription, MessageStored], None],
        clock: IReactorTime,
    ) -> None:
        """*hear* is called with what a subscription would have got, had it been published."""
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._subscriptions = subscriptions
        self._hear = hear
        self._clock = clock
        self._storing_words = storing_words(retention)
        self._users_ms = retention.users_ms
        self._ids_begin = len(keys.user("").encode())
        self._waiting: list[_Waiting] = []
        self._soon: IDelayedCall | None = None
        self.stored = 0  # messages since the start

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
            hearing, bases, words = self._command(some)
            is_local, *results = await self._redis.run(scripts.SEND_PRIVATE, bases, *words)
        except Exception:
            failure = Failure()
            for _, deferred in some:
                deferred.errback(failure)
            return
        if not is_local:
            self._note(results)
        for (draft, deferred), listeners, result in zip(some, hearing, results, strict=True):
            if type(result) is not list:
                self._refuse(deferred, result)
                continue
            message_id, session_id = result[0].decode(), draft.session.id
            sent = Sent(message_id, session_id, result[1], time_of(message_id))
            if type(result[2]) is bytes:  # else it is the status of one that was stored before
                self.stored += 1
                if is_local:
                    self._announce(draft, sent, listeners, result)
            deferred.callback(sent)

    def _note(self, results: list[Any]) -> None:
        """Note the newest message of a reply whose messages are published."""
        if stored := [result[0] for result in results if type(result) is list]:
            self._heartbeat.answered(max(stored).decode())

    def _refuse(self, deferred: Deferred[Any], result: bytes | ReplyError) -> None:
        if isinstance(result, ReplyError):
            deferred.errback(self._redis.explained(self._keys.data, result))
        else:
            deferred.callback(result)

    def _command(self, some: list[_Waiting]) -> tuple[list[_Hearing], tuple[str, ...], tuple[Word, ...]]:
        """Return the subscriptions that hear the messages here, the keys, and the other words."""
        keys, user = self._keys, self._subscriptions.user
        hearing: list[_Hearing] = []
        users, sessions, each = [], [], list[Word]()
        alone = heard = ""
        for draft, _ in some:
            sender, session = draft.sender, draft.session
            receiver = session.peer_of(sender.id)
            own, its = user(sender.id), user(receiver)
            users.append(keys.user(sender.id) if own is None else own.base)
            users.append(keys.user(receiver) if its is None else its.base)
            sessions.append(keys.session(session.id))
            # what is held back waits for a lookup, which finds this message: it may as well be published
            if own is not None and own.held is not None:
                own = None
            if its is not None and its.held is not None:
                its = None
            hearing.append((own, its))
            alone += "1" if draft.is_alone else "0"
            heard += ("1" if own is not None else "0") + ("1" if its is not None else "0")
            each += (
                "" if draft.answer_by is None else self._deadline(draft.answer_by),
                sender.name,
                draft.category,
                draft.content,
                draft.request_id,
                draft.origin,
            )
        of_all = (
            self._redis.deadline(keys.data),
            random_tail(),
            *self._storing_words,
            self._heartbeat.retention_start(),
            self._users_ms,
            self._ids_begin,
            alone,
            heard,
        )
        return hearing, (keys.data, *users, *sessions), (*of_all, *each)

    def _deadline(self, answer_by: float) -> int:
        return self._redis.deadline(self._keys.data, answer_by - self._clock.seconds())

    def _announce(self, draft: Draft, sent: Sent, hearing: _Hearing, result: list[Any]) -> None:
        """Announce a message to its users here; the title for the sender is there if they need it."""
        self._heartbeat.mark_seen(sent.id)
        session, origin, (own, its) = draft.session, draft.origin, hearing
        message = _message(draft, sent, result[_NAME].decode())
        sender = message.sender
        try:
            if its is not None:
                self._hear(its, MessageStored(message, session, sender.name, origin, its.user_id))
            if own is not None and len(result) > _TITLE:
                title = result[_TITLE].decode()
                self._hear(own, MessageStored(message, session, title, origin, sender.id))
        except Exception:  # the message is stored, and its sender is to know
            self._log.failure("a message could not be announced")


def _message(draft: Draft, sent: Sent, name: str) -> Message:
    """Return the message that was made of a draft. The sender may have got another name elsewhere."""
    sender = draft.sender
    return Message(
        sent.id,
        sent.session_id,
        sender if name == sender.name else User(sender.id, name),
        draft.category,
        draft.content,
        sent.sequence,
        _NORMAL,
        sent.created_at,
    )
