"""The numbers of users' webhook events in memory, and the users who were reported online."""

from __future__ import annotations

from collections.abc import Callable

from gim.concurrency.clocks import WallClock


class EventNumbers:
    """Numbers by user, while the user is remembered.

    A user who comes back starts above all numbers of forgotten users, so that no number comes twice.
    """

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._last: dict[str, int] = {}
        self._online: set[str] = set()
        self.floor = 0  # the largest number of a forgotten user
        self._restored: list[str] = []  # users who were reported online by an earlier process

    def is_online(self, user_id: str) -> bool:
        """Say whether the user was reported online, and not offline since."""
        return user_id in self._online

    def last(self, user_id: str) -> int:
        """Return the number of the user's last event, 0 for none."""
        return self._last.get(user_id, 0)

    def following(self, user_id: str, online: bool | None) -> int | None:
        """Return the number of the user's next event, None for a presence that was reported before."""
        if online is not None and online is self.is_online(user_id):
            return None
        return (self._last.get(user_id) or max(self.floor, self._wall.now_ms() * 1000)) + 1

    def put(self, user_id: str, number: int, online: bool | None) -> None:
        """Count an event of the user."""
        self._last[user_id] = number
        if online is not None:
            (self._online.add if online else self._online.discard)(user_id)

    def forget(self, user_id: str) -> None:
        """Forget the user's number."""
        self.floor = max(self.floor, self._last.pop(user_id, 0))

    def restored(self) -> None:
        """Note that the process has ended which reported the users online who are."""
        self._restored = sorted(self._online, reverse=True)

    def take_absent(self, limit: int, is_connected: Callable[[str], bool]) -> list[str]:
        """Return up to *limit* users who are still reported online, but not connected any more.

        Each is returned once. They lost their connections with an earlier process.
        """
        absent: list[str] = []
        while self._restored and len(absent) < limit:
            user_id = self._restored.pop()
            if self.is_online(user_id) and not is_connected(user_id):
                absent.append(user_id)
        return absent
