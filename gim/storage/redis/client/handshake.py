"""The first commands on a connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hiredis import ReplyError

from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.redis.client.eviction import QUESTION, policy_in, warnings_of
from gim.storage.redis.client.protocol import RedisProtocol, Word
from gim.storage.redis.client.script import Script
from gim.storage.redis.client.url import Target


class Handshake:
    """Logs in to a server, selects the database and loads the scripts. Warns of a server that may lose
    data."""

    _log = Logger()

    def __init__(self, target: Target, name: str) -> None:
        """*name* is what CLIENT LIST shows."""
        self._target = target
        self._name = name

    async def perform(self, connection: RedisProtocol, scripts: Sequence[Script]) -> None:
        """Make a connection usable. Raises `Unavailable` for a server that is not a master (now)."""
        await self.login(connection)
        if self._target.database:
            await connection.call("SELECT", self._target.database)
        if self._target.kind == "sentinel":
            check_master(await connection.call("ROLE"))
        await gather(connection.call("SCRIPT", "LOAD", script.source) for script in scripts)
        for warning in warnings_of([policy_in(await connection.call(*QUESTION))]):
            self._log.warn("{warning}", warning=warning)

    async def login(self, connection: RedisProtocol) -> None:
        """Log in and choose RESP3. Of a refusal the error has only the first word: servers quote what
        they do not understand, the password with it."""
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
