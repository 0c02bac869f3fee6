"""Writes the lines of a dump into Redis, under keys and values as the Lua scripts write them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import sha1
from secrets import token_bytes, token_hex
from typing import Any, Final

from msgspec import msgpack

from gim.concurrency.gather import gather
from gim.ids import CHATROOM, PRIVATE, chatroom_session, session
from gim.model import MessageStatus
from gim.storage.message_ids import FIRST
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.store.finding import KEYS_PER_SCAN, literal
from gim.storage.redis.store.heartbeat import LAYOUT
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.records import Value
from gim.storage.redis.store.retention import users_ms_of
from gim.storage.rules import REQUEST_ID_WINDOW
from gim.storage.transfer.lines import (
    BanLine,
    ChatroomLine,
    Entry,
    Head,
    MemberLine,
    MessageLine,
    PrivateLine,
    UserLine,
)
from gim.storage.transfer.positions import score_of
from gim.storage.transfer.redis_client import COMMANDS, LOADING

_COMMANDS_AT_A_TIME: Final = 2000
_COMMANDS_PER_SCRIPT: Final = 100  # so that one run takes a server less than a millisecond
_DIGEST_LENGTH: Final = 20  # of the digest in an answer to a request_id
_LOADER: Final = (
    "load"  # the node that is gone, by which servers find users whose going is to be reported
)

Command = tuple[Word, ...]  # the base of the keys, and the words


class Occupied(Exception):
    """There is other data below the prefix; the text says it in one line."""


class RedisTarget:
    """What is below a prefix, at one server, a master of Sentinels or a cluster.

    The data set gets its layout at the end. Until then no server uses it, and the same dump can be loaded
    again: every command sets what the line says, whatever is there.
    """

    def __init__(self, redis: Redis, keys: Keys, ttl_ms: int) -> None:
        """*ttl_ms* is how long the server keeps a message: keys expire a while after that."""
        self._redis = redis
        self._keys = keys
        self._users_ms = users_ms_of(ttl_ms)
        self._now_ms = 0
        self._left = ttl_ms + 2 * _renewal(ttl_ms)
        self._waiting: list[Command] = []
        self._last: MessageLine | None = None  # of the session whose lines come

    async def begin(self, head: Head) -> bool:
        """Take the prefix for a dump; return False if all of that dump is there already.

        Raises `Occupied` for a prefix that holds other data.
        """
        base = self._keys.data
        data = f"{base}:data"
        layout, dump = await self._redis.call(base, "HMGET", data, "layout", "dump")
        is_same = dump == head.id.encode()
        if layout is not None and layout != LOADING.encode():
            if is_same:
                return False
            raise Occupied("there is data below this prefix: load into another one, or remove its keys")
        if layout is not None and not is_same:
            raise Occupied("another dump was loaded halfway here: load that one, or remove its keys")
        if layout is None:
            await self._check_empty()
            await self._redis.call(base, "HSET", data, "layout", LOADING, "dump", head.id)
        seconds, micros = await self._redis.call(base, "TIME")
        self._now_ms = int(seconds) * 1000 + int(micros) // 1000
        return True

    async def _check_empty(self) -> None:
        pattern, cursor = literal(self._keys.data.removesuffix("{gim}")) + "{*", ""
        while True:
            keys, cursor = await self._redis.scan(cursor, pattern, KEYS_PER_SCAN)
            if keys:
                raise Occupied(
                    f"there is a key {keys[0].decode()!r}: load into another prefix, or remove it"
                )
            if not cursor:
                return

    async def put(self, line: Entry) -> None:
        """Write a line; some wait for `flush`."""
        if isinstance(line, PrivateLine | ChatroomLine):
            self._waiting += self._end_session()
        self._waiting += self._commands(line)
        if len(self._waiting) >= _COMMANDS_AT_A_TIME:
            await self.flush()

    async def flush(self) -> None:
        """Write what waits: many commands with one script, those of one base alone in a cluster."""
        waiting, self._waiting = self._waiting, []
        by_slot: dict[Word, list[Command]] = defaultdict(list)
        for command in waiting:
            by_slot[command[0] if self._redis.is_cluster else ""].append(command)
        await gather(
            self._run(commands[start : start + _COMMANDS_PER_SCRIPT])
            for commands in by_slot.values()
            for start in range(0, len(commands), _COMMANDS_PER_SCRIPT)
        )

    async def _run(self, commands: list[Command]) -> None:
        bases = tuple(dict.fromkeys(str(base) for base, *_ in commands))
        words = (word for _, *words in commands for word in (len(words), *words))
        await self._redis.run(COMMANDS, bases, *words)

    async def finish(self, head: Head, keeps_epoch: bool) -> None:
        """Let servers use the data."""
        self._waiting += self._end_session()
        await self.flush()
        base = self._keys.data
        if head.last_id:
            await self._redis.call(base, "SET", f"{base}:last", head.last_id)
        fields: dict[str, Word] = {
            "epoch": head.epoch if keeps_epoch else token_hex(8),
            "token_key": token_bytes(32),
            # a user who was forgotten may have lost messages; of a young data set none was
            "created": 0 if head.lost else head.created_at,
            "layout": LAYOUT,
        }
        await self._redis.call(base, "HSET", f"{base}:data", *_pairs(fields))

    # what the lines become

    def _commands(self, line: Entry) -> Iterable[Command]:
        match line:
            case UserLine():
                return self._user(line)
            case BanLine():
                return self._ban(line)
            case PrivateLine():
                return self._private(line)
            case ChatroomLine():
                return self._chatroom(line)
            case MemberLine():
                return self._member(line)
        return self._message(line)

    def _user(self, line: UserLine) -> Iterator[Command]:
        base = self._keys.user(line.id)
        fields: dict[str, Word] = {"born": 0}
        if line.name is not None:
            fields["name"] = line.name
        if line.delivered:
            fields["mark"] = line.delivered
        if line.lost:
            fields["lost"] = score_of(line.lost)
        if line.event_number:
            fields |= {"events": line.event_number, "online": int(line.online)}
        yield base, "HSET", f"{base}:user", *_pairs(fields)
        yield base, "PEXPIRE", f"{base}:user", self._users_ms
        if line.online:
            data = self._keys.data
            yield data, "SADD", f"{data}:orphans", _LOADER
            yield data, "SADD", f"{data}:orphans:{_LOADER}", line.id

    def _ban(self, line: BanLine) -> Iterator[Command]:
        base = self._keys.user(line.user_id)
        yield base, "HSET", f"{base}:ban", "since", line.since, "ends", line.until
        yield base, "PEXPIREAT", f"{base}:ban", line.forgotten_at

    def _private(self, line: PrivateLine) -> Iterator[Command]:
        base = self._keys.session(line.id)
        fields: dict[str, Word] = {f"read:{user_id}": upto for user_id, upto in line.read.items() if upto}
        if fields:
            yield base, "HSET", f"{base}:state", *_pairs(fields)
            yield base, "PEXPIRE", f"{base}:state", self._left
        yield from self._sequence(base, line.sequence)
        if line.sequence:
            yield base, "PEXPIRE", f"{base}:sequence", self._users_ms + self._left

    def _chatroom(self, line: ChatroomLine) -> Iterator[Command]:
        base = self._keys.session(chatroom_session(line.id).id)
        fields: dict[str, Word] = {"name": line.name}
        if line.owner_id:
            fields["owner"] = line.owner_id
        if line.is_kept:
            fields["kept"] = 1
        if line.muted:
            fields["muted"] = max(line.muted.values())
        yield base, "HSET", f"{base}:state", *_pairs(fields)
        yield from self._sequence(base, line.sequence)
        for place, user_id in enumerate(line.admins, 1):
            yield base, "ZADD", f"{base}:admins", place, user_id
        for user_id, until in line.muted.items():
            yield base, "ZADD", f"{base}:muted", until, user_id
        if line.muted:
            yield base, "PEXPIREAT", f"{base}:muted", max(line.muted.values())

    def _sequence(self, base: str, sequence: int) -> Iterator[Command]:
        if sequence:
            yield base, "SET", f"{base}:sequence", sequence

    def _member(self, line: MemberLine) -> Iterator[Command]:
        base, user = (
            self._keys.session(chatroom_session(line.chatroom_id).id),
            self._keys.user(line.user_id),
        )
        yield base, "ZADD", f"{base}:members", 0, line.user_id
        yield base, "HSET", f"{base}:state", f"read:{line.user_id}", line.read or FIRST
        yield user, "HSET", f"{user}:rooms", line.chatroom_id, line.joined
        yield user, "HSETNX", f"{user}:user", "born", 0
        yield user, "PERSIST", f"{user}:user"
        yield user, "PERSIST", f"{user}:sessions"

    def _message(self, line: MessageLine) -> Iterator[Command]:
        base, score = self._keys.session(line.session_id), score_of(line.id)
        yield base, "ZADD", f"{base}:ids", score, line.id
        yield base, "HSET", f"{base}:messages", line.id, _packed(line)
        if self._last is None:
            yield from self._renewed(base, is_private=session(line.session_id).type == PRIVATE)
        self._last = line
        if line.status == MessageStatus.RECALLED:
            yield base, "ZADD", f"{base}:recalled", score, line.id
            yield base, "PEXPIRE", f"{base}:recalled", self._left
        if line.request_id:
            yield from self._answer(base, line, score)

    def _renewed(self, base: str, is_private: bool) -> Iterator[Command]:
        """Give the keys of a session with messages their expiry, as its first message would."""
        yield base, "PEXPIRE", f"{base}:ids", self._left
        yield base, "PEXPIRE", f"{base}:messages", self._left
        yield base, "HSET", f"{base}:state", "renewed", self._now_ms
        if is_private:
            yield base, "PEXPIRE", f"{base}:state", self._left

    def _end_session(self) -> Iterator[Command]:
        """Write what the newest message of a session changes, which is the last one that came."""
        line, self._last = self._last, None
        if line is None:
            return
        if self._redis.is_cluster:
            base = self._keys.session(line.session_id)
            yield base, "SET", f"{base}:last", line.id, "PX", self._users_ms
        found = session(line.session_id)
        for user_id in () if found.type == CHATROOM else found.parts:
            user = self._keys.user(user_id)
            yield user, "ZADD", f"{user}:sessions", score_of(line.id), line.session_id
            yield user, "PEXPIRE", f"{user}:sessions", self._users_ms

    def _answer(self, base: str, line: MessageLine, score: int) -> Iterator[Command]:
        """Remember that a message answers a request, for as long as if it had been sent here."""
        left = line.created_at + REQUEST_ID_WINDOW * 1000 - self._now_ms
        if left <= 0 or line.status == MessageStatus.RECALLED:
            return
        digest = sha1(f"{line.category}\0{line.content}".encode(), usedforsecurity=False).hexdigest()
        answer = line.id, line.sequence, line.created_at, digest[:_DIGEST_LENGTH]
        answers, order = f"{base}:once:{line.sender.id}", f"{base}:asked:{line.sender.id}"
        yield base, "HSET", answers, line.request_id, msgpack.encode(answer)
        yield base, "ZADD", order, score, line.request_id
        for key in answers, order:
            yield base, "PEXPIRE", key, left


def _renewal(ttl_ms: int) -> int:
    """Return by how much keys outlive what is in them, as ``lib.lua`` does."""
    return min(ttl_ms // 10, 3_600_000)


def _pairs(fields: dict[str, Any]) -> Iterator[Word]:
    for name, value in fields.items():
        yield name
        yield value


def _packed(line: MessageLine) -> bytes:
    sender = line.sender
    value = Value(line.sequence, line.status, sender.id, sender.name, line.category, line.content, "")
    return msgpack.encode(value)
