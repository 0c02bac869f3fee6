"""The numbers of users' webhook events in memory, and the users who were reported online."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

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
        self._restored: dict[str, None] = {}  # users who were reported online by an earlier process

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
        """Take the connections of all users who were reported online for lost: a process has ended."""
        self._restored = dict.fromkeys(sorted(self._online))

    def to_reannounce(self, limit: int, is_connected: Callable[[str], bool]) -> list[str]:
        """Return up to *limit* users who lost their connections with an earlier process.

        They come again with a later call, after all others, until they connect or are reported offline.
        """
        found = list(islice(self._absent(is_connected), limit))
        for user_id in found:  # to the end
            self._restored[user_id] = self._restored.pop(user_id)
        return found

    def _absent(self, is_connected: Callable[[str], bool]) -> Iterator[str]:
        for user_id in tuple(self._restored):
            if self.is_online(user_id) and not is_connected(user_id):
                yield user_id
            else:
                del self._restored[user_id]
