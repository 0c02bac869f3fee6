"""Reads whose replies may be large: each waits until its reply fits beside those of other reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from hiredis import ReplyError
from twisted.internet.defer import CancelledError, Deferred

from gim.errors import Unavailable
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.client.reply_budget import MIN_REPLY_BYTES, ReplyBudget
from gim.storage.redis.client.script import Script

BYTES_PER_REPLY = 256 * 1024  # scripts stop there, and are called again for the rest
MESSAGE_BYTES = 4096 + 512  # expected of a message: the default of --max-content, and its fields
READS_AT_A_TIME = 64  # reads of one operation that are asked for together

_numbers = count()


def bytes_for(messages: int, needed: int = 0) -> int:
    """Return how many bytes to ask for: enough for *messages* of the default size, or *needed*."""
    return max(needed, min(messages * MESSAGE_BYTES, BYTES_PER_REPLY))


class Reading:
    """The reads of one operation, each bounded in bytes: see `gim.storage.redis.client.reply_budget`.

    A cancelled read ends at once. Its reply is still on the way, and counts until it is here.
    """

    __slots__ = ("_asked", "_redis", "is_long", "number", "reader")

    def __init__(self, redis: Redis, reader: str, is_long: bool = False) -> None:
        """*reader* is the user that it reads for; where no user waits, it *is_long* from the start."""
        self._redis = redis
        self.reader = reader
        self.number = next(_numbers)
        self.is_long = is_long
        self._asked = 0

    @property
    def is_of_cluster(self) -> bool:
        """Whether a script can use the keys of one base only."""
        return self._redis.is_cluster

    async def run(self, size: int, script: Script, bases: tuple[str, ...], *words: Word) -> Any:
        """Run a script whose reply has at most *size* bytes."""
        return await self._bounded(bases[0], size, self._redis.run, script, bases, *words)

    async def run_whole(self, size: int, script: Script, bases: tuple[str, ...], *words: Word) -> Any:
        """Run a script that takes a number of bytes as its last word, and returns an integer if its reply
        needs more. It is called again with that many then; most replies have at most *size*."""
        while isinstance(reply := await self.run(size, script, bases, *words, size), int):
            size = reply
        return reply

    async def call(self, size: int, base: str, *words: Word) -> Any:
        """Run a command whose reply has at most *size* bytes."""
        return await self._bounded(base, size, self._redis.call, base, *words)

    async def _bounded(
        self, base: str, size: int, ask: Callable[..., Awaitable[Any]], *words: Any
    ) -> Any:
        budget, size = self._redis.replies(base), max(size, MIN_REPLY_BYTES)
        granted = budget.take(self, size)
        if granted is not None:
            await granted
        self._asked += size
        self.is_long = self.is_long or self._asked > BYTES_PER_REPLY
        try:
            reply = await ask(*words)
        except CancelledError:
            Deferred.fromCoroutine(self._give_back_later(base, budget, size))
            raise
        except BaseException:
            budget.give_back(size)
            raise
        budget.give_back(size)
        return reply

    async def _give_back_later(self, base: str, budget: ReplyBudget, size: int) -> None:
        """Give back once the reply is here: it comes before the reply to a later command, a PING."""
        try:
            await self._redis.call(base, "PING")
        except (Unavailable, ReplyError):
            pass
        finally:
            budget.give_back(size)
