"""Finding users and chatrooms by the beginning of their ids, among all keys."""

from __future__ import annotations

import re

from gim.concurrency.gate import Gate
from gim.storage import refusals
from gim.storage.redis.client.interface import Redis

KEYS_PER_SCAN = 1000  # that a server passes over in one command, in 1 ms
SCANS_PER_PAGE = 20  # few keys may match
SCANS_AT_A_TIME = 2  # of this node: one has a reply of some 100 KB at most

_SPECIAL = re.compile(r"[*?\[\]\\]")  # in the patterns of Redis


class Finder:
    """Reads ids from the names of keys. A page may be empty while most keys are those of others."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._gate = Gate(SCANS_AT_A_TIME)

    async def find(
        self, around: tuple[str, str], prefix: str, cursor: str, count: int
    ) -> tuple[list[str], str]:
        """Return about *count* ids that begin with *prefix*, and the cursor of the next page.

        *around* is what is before and behind the id in a key. The first page begins with *prefix* itself,
        which need not be there: an id that is written in full is found at once.
        """
        before, behind = around
        pattern = literal(before + prefix) + "*" + literal(behind)
        ids = dict.fromkeys([prefix] if prefix and not cursor else [])
        size = count
        for _ in range(SCANS_PER_PAGE):
            size = min(size, KEYS_PER_SCAN)
            keys, cursor = await self._scan(cursor, pattern, size)
            for key in keys:
                ids[key.decode()[len(before) : -len(behind)]] = None
            if not cursor or len(ids) >= count:
                break
            size *= 2
        return list(ids), cursor

    async def _scan(self, cursor: str, pattern: str, size: int) -> tuple[list[bytes], str]:
        await self._gate.enter()
        try:
            return await self._redis.scan(cursor, pattern, size)
        except ValueError:
            raise refusals.foreign_cursor() from None
        finally:
            self._gate.leave()


def literal(text: str) -> str:
    """Return the pattern that only *text* matches."""
    return _SPECIAL.sub(r"\\\g<0>", text)
