"""What the Redis store asks of the servers, be it one server, a master of Sentinels, or a cluster."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from hiredis import ReplyError

from gim.storage.redis.client.protocol import Word
from gim.storage.redis.client.reply_budget import ReplyBudget
from gim.storage.redis.client.script import Script


class Redis(Protocol):
    """The servers. Every call may raise `gim.errors.Unavailable`, and does so within two seconds.

    Keys that one script uses together share a *base*, which names their slot in a cluster. A channel is
    named like the base whose changes it announces.
    """

    is_cluster: bool  # a script can use the keys of one base only
    publish: str  # the command that publishes to a channel

    def run(self, script: Script, bases: tuple[str, ...], *words: Word) -> Awaitable[Any]:
        """Run a script on the server of the first base; return its reply in the types of hiredis."""

    def call(self, base: str, *words: Word) -> Awaitable[Any]:
        """Run a command on the server of *base*."""

    def explained(self, base: str, error: ReplyError) -> Exception:
        """Return `Unavailable` for an error of the server of *base* that will pass, *error* for a bug.

        `run` and `call` raise it so. This is for an error that is one of several results of a script.
        """

    def replies(self, base: str) -> ReplyBudget:
        """Return the budget of the server of *base*, for reads whose replies may be large."""

    def deadline(self, base: str, seconds: float = ...) -> int:
        """Return the time in ms after which a call made now must not run, by the clock of its server.

        The caller waits for at most so many *seconds*, or as long as usual.
        """

    async def scan(self, cursor: str, pattern: str, count: int) -> tuple[list[bytes], str]:
        """Return the keys that match a pattern among some *count* of all, and where to go on.

        "" is the begin, and the end. Keys that are there all the time come once at least, unless a server
        restarts or is replaced, or slots move. Raises `ValueError` for a cursor that is not one.
        """

    async def ping(self) -> list[str]:
        """Return the maxmemory-policy of each server, when all have answered."""

    async def measure(self, base: str) -> None:
        """Compare the clock of the server of *base* with ours again."""

    async def subscribe(self, base: str) -> None:
        """Subscribe to the channel *base*; return when the server has confirmed it."""

    def unsubscribe(self, base: str) -> None:
        """Unsubscribe from the channel *base*, without waiting for the server."""

    def hears(self, base: str) -> bool:
        """Return whether a connection that is up is subscribed to the channel *base*."""

    def start(self) -> None:
        """Connect, and stay connected."""

    def stop(self) -> None:
        """Disconnect."""
