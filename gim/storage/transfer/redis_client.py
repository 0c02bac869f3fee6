"""A connection to Redis for a command that reads or writes the keys and then ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from gim.errors import Unavailable
from gim.storage.redis.client.connect import connect
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import RedisProtocol
from gim.storage.redis.client.script import Script
from gim.storage.redis.client.url import Target
from gim.storage.redis.store import scripts
from gim.storage.redis.store.keys import Keys

LOADING = "loading"  # the layout of keys that are not all there: no server uses them
CONNECT_TIMEOUT = 10.0  # seconds
# Runs commands, each behind the number of its words.
COMMANDS = Script(
    "commands",
    """
local at = 1
while at <= #ARGV do
  local last = at + tonumber(ARGV[at])
  redis.call(unpack(ARGV, at + 1, last))
  at = last + 1
end
return 1
""",
)
# Returns for each session whether it holds messages, the newest of them below the score *floor*, and the
# newest that was removed; "" for none.
LOST = Script(
    "lost",
    """
local found = {}
for at, S in ipairs(KEYS) do
  local ids = S .. ':ids'
  local old = redis.call('ZREVRANGEBYSCORE', ids, '(' .. ARGV[1], '-inf', 'LIMIT', 0, 1)[1]
  local removed = redis.call('HGET', S .. ':state', 'lost')
  found[at] = {redis.call('EXISTS', ids), old or '', removed or ''}
end
return found
""",
)
# Returns for each private session the read positions of both users and the sequence; "" for none.
PRIVATE_STATE = Script(
    "private state",
    """
local found = {}
for at, S in ipairs(KEYS) do
  local one, other = string.match(S, '{s:2:([^:]+):([^:]+)}$')
  local read = redis.call('HMGET', S .. ':state', 'read:' .. one, 'read:' .. other)
  found[at] = {read[1] or '', read[2] or '', redis.call('GET', S .. ':sequence') or ''}
end
return found
""",
)
_PINGS = 50  # attempts until all masters of a cluster are connected
_PING_PAUSE = 0.1  # seconds between two of them


class _Caller:
    """Implements `gim.storage.redis.client.subscriber.Subscriber` without a channel."""

    scripts = (scripts.SINCE, scripts.VALUES, COMMANDS, LOST, PRIVATE_STATE)

    def __init__(self, data_base: str) -> None:
        self.data_base = data_base
        self.serves: Deferred[None] = Deferred()

    async def open(self, connection: RedisProtocol) -> None:
        """Take any data set."""

    def bases(self) -> list[str]:
        return []

    def connected(self) -> None:
        if not self.serves.called:
            self.serves.callback(None)

    def published(self, channel: bytes, payload: bytes) -> None:
        """Nothing is subscribed to."""

    def dropped(self, channel: bytes) -> None:
        """Nothing is subscribed to."""

    def lost(self, bases: list[str]) -> None:
        """What is under way fails, and the command with it."""


@asynccontextmanager
async def connected(target: Target, prefix: str, reactor: Any, name: str) -> AsyncIterator[Redis]:
    """Connect to the servers for as long as the context lasts; *name* is what CLIENT LIST shows.

    Raises `Unavailable` when they do not answer within `CONNECT_TIMEOUT` seconds.
    """
    caller = _Caller(Keys(prefix).data)
    redis = connect(target, reactor, name)(caller)
    redis.start()
    try:
        await caller.serves.addTimeout(CONNECT_TIMEOUT, reactor, _too_late)
        await _all_answer(redis, reactor)
        yield redis
    finally:
        redis.stop()


def _too_late(result: object, timeout: float) -> None:
    raise Unavailable(f"no answer within {timeout:g} s")


async def _all_answer(redis: Redis, reactor: Any) -> None:
    """Return when every server of a cluster has answered. Raises `Unavailable`."""
    for _ in range(_PINGS):
        try:
            await redis.ping()
            return
        except Unavailable:
            await deferLater(reactor, _PING_PAUSE)
    await redis.ping()
