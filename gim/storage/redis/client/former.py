"""The former connections of a link, which a server ends before the next one serves."""

from __future__ import annotations

from typing import Any

from hiredis import ReplyError

from gim.concurrency.gather import gather
from gim.log.logger import Logger
from gim.storage.redis.client.protocol import RedisProtocol, Word

MAX_FORMER = 100  # connections that are remembered when none of the next ones comes to serve


class FormerConnections:
    """Ends what is left of a link's former connections.

    A command on a connection that was given up may be on its way for long, in a proxy or a slow network.
    It would run after newer commands of the next connection: a user who has come back would count as
    offline again, for one. A server that has closed the connection runs nothing of it any more. The
    address is part of the question, as another server may use the same number for another client.
    """

    _log = Logger()

    def __init__(self) -> None:
        self._names: list[tuple[Word, ...]] = []  # how CLIENT KILL finds them

    async def end(self, connection: RedisProtocol) -> None:
        """End them all. The next call ends *connection* as well."""
        try:
            own = _name_of(await connection.call("CLIENT", "INFO"))
            former, self._names = self._names, [*self._names, own][-MAX_FORMER:]
            await gather(connection.call("CLIENT", "KILL", *name) for name in former)
            self._names = [own]
        except ReplyError as error:  # of an ACL that does not allow this
            self._log.warn(
                "Redis may not end a former connection, whose late commands may undo newer ones: {error}",
                error=error,
            )


def _name_of(info: Any) -> tuple[Word, ...]:
    """Return the filters of CLIENT KILL for the connection that CLIENT INFO describes."""
    fields = dict(field.partition("=")[::2] for field in info.decode().split())
    return "ID", fields["id"], "ADDR", fields["addr"]
