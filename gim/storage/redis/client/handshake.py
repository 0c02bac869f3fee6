"""The first words on a connection."""

from __future__ import annotations

from typing import Any

from hiredis import ReplyError
from twisted.internet.defer import gatherResults

from gim.errors import Unavailable
from gim.storage.redis.client.protocol import RedisProtocol, Word
from gim.storage.redis.client.url import Target
from gim.storage.redis.store import scripts


class Handshake:
    """Logs in to a server, chooses the database, and hands over the scripts."""

    def __init__(self, target: Target, name: str) -> None:
        """*name* is what CLIENT LIST shows."""
        self._target = target
        self._name = name

    async def greet(self, connection: RedisProtocol) -> None:
        """Make a connection usable. Raises `Unavailable` for a server that is no master (now)."""
        await self.login(connection)
        if self._target.database:
            await connection.call("SELECT", self._target.database)
        if self._target.kind == "sentinel":
            check_master(await connection.call("ROLE"))
        loads = [connection.call("SCRIPT", "LOAD", script.source) for script in scripts.ALL]
        await gatherResults(loads, consumeErrors=True)

    async def login(self, connection: RedisProtocol) -> None:
        """Log in and choose RESP3. Of a refusal only the first word is told: servers quote what they do
        not understand, the password among it."""
        try:
            await connection.call(*self._hello())
        except ReplyError as error:
            code = str(error).partition(" ")[0]
            raise Unavailable(f"the server refuses the login (HELLO 3): {code}") from None

    def _hello(self) -> list[Word]:
        words: list[Word] = ["HELLO", 3]
        if self._target.password:
            words += ["AUTH", self._target.user or "default", self._target.password]
        return [*words, "SETNAME", self._name]


def check_master(role: list[Any]) -> None:
    """Refuse a server that is not a master: a Sentinel may name one that is not promoted yet."""
    if role[0] != b"master":
        raise Unavailable(f"the server is a {role[0].decode()}, not a master")
