"""Bans in memory, kept until no token from before the ban is valid."""

from __future__ import annotations

from heapq import heappop, heappush

from gim.concurrency.clocks import RetentionClock, WallClock
from gim.errors import Banned
from gim.model import Ban
from gim.storage.memory.recorder import Recorder

_NONE = Ban(0, 0)


class Bans:
    """Bans by user, some 300 bytes each.

    A heap orders the times at which to forget them. Banning a user again adds an entry; the sweep skips
    entries that a later ban replaced.
    """

    def __init__(self, wall: WallClock, retention: RetentionClock, recorder: Recorder) -> None:
        """Bans end by the wall clock and are forgotten by *retention*."""
        self._wall = wall
        self._retention = retention
        self._recorder = recorder
        self._bans: dict[str, tuple[Ban, int]] = {}  # each with the time at which to forget it
        self._ends: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._bans)

    def _now(self) -> int:
        return self._wall.now_ms()

    def of(self, user_id: str) -> Ban:
        """See `gim.storage.interface.Moderation.ban_of`."""
        if user_id not in self._bans:
            return _NONE
        ban, _end = self._bans[user_id]
        return ban if ban.until > self._now() else Ban(ban.since, 0)

    def check(self, user_id: str) -> None:
        """Raise `Forbidden` for a user who is banned."""
        if user_id in self._bans and (until := self.of(user_id).until):
            raise Banned(until - self._now())

    def begin(self, user_id: str, duration_ms: int, remember_ms: int) -> int:
        """See `gim.storage.interface.Moderation.ban`."""
        now = self._now()
        until, end = now + duration_ms, now + max(duration_ms, remember_ms)
        self._recorder.ban(user_id, now, until, end)
        self.put(user_id, Ban(now, until), end)
        return until

    def end(self, user_id: str) -> None:
        """See `gim.storage.interface.Moderation.unban`."""
        if user_id in self._bans:
            ban, end = self._bans[user_id]
            self._recorder.ban(user_id, ban.since, 0, end)
            self.put(user_id, Ban(ban.since, 0), end)

    def put(self, user_id: str, ban: Ban, forget_at: int) -> None:
        """Set the last ban of a user."""
        _, before = self._bans.get(user_id, (_NONE, None))
        self._bans[user_id] = ban, forget_at
        if forget_at != before:
            heappush(self._ends, (forget_at, user_id))

    def kept(self) -> list[str]:
        """Return the ids of all users with a ban that is remembered."""
        return list(self._bans)

    def entry(self, user_id: str) -> tuple[Ban, int] | None:
        """Return a ban that is remembered, and when to forget it."""
        return self._bans.get(user_id)

    def sweep(self, limit: int) -> bool:
        """Forget up to *limit* bans whose time has come; say whether more may wait."""
        now = self._retention.now_ms()
        for _ in range(limit):
            if not self._ends or self._ends[0][0] > now:
                return False
            end, user_id = heappop(self._ends)
            if user_id in self._bans and self._bans[user_id][1] == end:
                del self._bans[user_id]
        return True
