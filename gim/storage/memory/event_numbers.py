"""The numbers of users' webhook events in memory, and the users who were reported online."""

from __future__ import annotations

from gim.concurrency.clocks import WallClock


class EventNumbers:
    """Numbers by user, while the user is remembered.

    A user who comes back starts above all numbers of forgotten users, so that no number comes twice.
    """

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._last: dict[str, int] = {}
        self._online: set[str] = set()
        self._floor = 0  # the largest number of a forgotten user

    def is_online(self, user_id: str) -> bool:
        """Say whether the user was reported online, and not offline since."""
        return user_id in self._online

    def count(self, user_id: str, online: bool | None) -> int | None:
        """See `gim.storage.interface.WebhookLog.next_event_number`."""
        if online is not None:
            if online is self.is_online(user_id):
                return None
            (self._online.add if online else self._online.discard)(user_id)
        last = self._last.get(user_id) or max(self._floor, self._wall.now_ms() * 1000)
        self._last[user_id] = last + 1
        return last + 1

    def forget(self, user_id: str) -> None:
        """Forget the user's number."""
        self._floor = max(self._floor, self._last.pop(user_id, 0))
