"""Removes logs without live messages, and writes logs again without what does not live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from gim.journal.compaction import Compacted, Compaction, Damaged, remove
from gim.journal.files import LOG, path_of
from gim.journal.journal import Journal
from gim.journal.pace import Pace
from gim.journal.threads import Threads
from gim.log.logger import Logger
from gim.storage.durable.keeping import keeper
from gim.storage.durable.ledger import Ledger, LogPart
from gim.storage.memory.message_index import MessageIndex

MAX_PER_LIVE_BYTE: Final = 1.4  # bytes of the logs from before the checkpoint,
SPARE_SEGMENTS: Final = 0.25  # and so much of a full log more
SMALL_SEGMENTS: Final = 0.25  # of a full log: what is smaller is joined to a neighbour
MAX_LIVE_SHARE: Final = 0.9  # of a log that is worth writing again to save space


class Tidying:
    """What is done to the logs from before a checkpoint, of which only messages count.

    *number* is that of the newest checkpoint in all methods. They may raise `OSError` or `Unavailable`;
    what was not done can be tried again.
    """

    _log = Logger()

    def __init__(
        self,
        messages: MessageIndex,
        journal: Journal,
        ledger: Ledger,
        settle: Callable[[], Awaitable[object]],
        pace: Pace,
        threads: Threads,
    ) -> None:
        self._messages = messages
        self._ledger = ledger
        self._settle = settle
        self._pace = pace
        self._threads = threads
        self._path = journal.directory.path
        self._left_over: list[str] = []  # files that could not be removed yet
        self._segment_size = journal.settings.segment_size

    async def drop(self, number: int) -> None:
        """Remove the logs without a live message."""
        await self._remove([])
        dead = [part for part in self._ledger.below(number) if part.messages <= 0]
        if not dead:
            return
        await self._settle()
        for part in dead:
            self._ledger.replace([part], None)
            await self._remove([path for _, path in self._files(part)])

    def _files(self, part: LogPart) -> list[tuple[int, str]]:
        return [(number, path_of(self._path, LOG, number)) for number in part.numbers]

    async def save_space(self, number: int) -> None:
        """Write logs again while they hold too much that does not live, the worst first."""
        while self._has_excess(self._ledger.below(number)):
            worth = [part for part in self._ledger.below(number) if _is_worth(part)]
            if not worth:
                return
            await self._rewrite(min(worth, key=lambda part: part.live_share), number)

    def _has_excess(self, parts: list[LogPart]) -> bool:
        live = sum(max(0, part.live_bytes) for part in parts)
        spare = SPARE_SEGMENTS * self._segment_size
        return sum(part.size for part in parts) > MAX_PER_LIVE_BYTE * live + spare

    async def erase(self, parts: list[LogPart], number: int) -> None:
        """Write logs again that hold content that must leave the disk."""
        for part in parts:
            if part in self._ledger.below(number):  # it may have gone meanwhile
                await self._rewrite(part, number)

    async def _rewrite(self, part: LogPart, number: int) -> None:
        """Write a log again without what does not live, joined with neighbours that are small."""
        group = self._group(part, number)
        sources = sorted(file for each in group for file in self._files(each))
        keep = keeper(self._messages, is_mixed=len(sources) > 1)
        erase_at = [each.erase_at for each in group]
        live_bytes = sum(each.live_bytes for each in group)
        room = max(0, live_bytes)
        work = Compaction(sources, keep, self._settle, self._pace, self._threads, room)
        for each in group:
            each.erase_at = None  # set again for content that is recalled from now on
        try:
            made = await work.run()
        except Exception as error:
            for each, earlier in zip(group, erase_at, strict=True):
                each.erase_at = each.erase_at if earlier is None else earlier
            if not isinstance(error, Damaged):
                raise
            self._set_aside(group, error)
            return
        self._replace(group, made, live_bytes)
        await self._remove([path for _, path in (sources[1:] if made.records else sources)])

    def _replace(self, group: list[LogPart], made: Compacted, live_bytes: int) -> None:
        """Note what a group has become. *live_bytes* is what it had before; messages died since."""
        joined = LogPart([])
        for part in group:
            joined.join(part)
        self._log.debug(
            "wrote {count} logs in {path} again: {before} bytes became {after}",
            count=len(joined.numbers),
            path=self._path,
            before=joined.size,
            after=made.size,
        )
        # not that of the file: its head and checksum do not make it worth writing again
        joined.numbers, joined.size = joined.numbers[:1], made.bytes
        joined.live_bytes += made.bytes - live_bytes
        self._ledger.replace(group, joined if made.records else None)

    async def _remove(self, paths: list[str]) -> None:
        """Remove files that are not needed, and those for which that failed before."""
        self._left_over += paths
        await remove(self._left_over, self._threads)
        self._left_over = []

    def _group(self, part: LogPart, number: int) -> list[LogPart]:
        """Return a log with the neighbours that are small or mostly dead, while all fit into one."""
        parts = self._ledger.below(number)
        begin = parts.index(part)
        end = begin + 1
        while end < len(parts) and self._fits(parts[begin : end + 1], parts[end]):
            end += 1
        while begin and self._fits(parts[begin - 1 : end], parts[begin - 1]):
            begin -= 1
        return parts[begin:end]

    def _fits(self, group: list[LogPart], added: LogPart) -> bool:
        is_small = added.size < SMALL_SEGMENTS * self._segment_size
        is_dead = added.live_share * MAX_PER_LIVE_BYTE < 1
        live_bytes = sum(max(0, part.live_bytes) for part in group)
        return not added.is_damaged and (is_small or is_dead) and live_bytes <= self._segment_size

    def _set_aside(self, group: list[LogPart], error: Damaged) -> None:
        """Never write a damaged log again: what is left of it is as it was."""
        for part in group:
            part.is_damaged = any(path == error.path for _, path in self._files(part))
        self._ledger.damaged += 1
        self._log.error(
            "{text}. The log stays as it is; `gim log verify {path}` lists all damage",
            text=str(error),
            path=self._path,
        )


def _is_worth(part: LogPart) -> bool:
    """Say whether a log is worth writing again to save space."""
    return not part.is_damaged and part.live_share < MAX_LIVE_SHARE
