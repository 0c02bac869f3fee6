"""Countdowns of one length, by user."""

from __future__ import annotations

from collections import OrderedDict

from twisted.internet.interfaces import IReactorTime


class Countdowns:
    """For each user a countdown of *seconds* from the last `begin` on. About 150 bytes each.

    At most *most* run at once: with one more, the oldest ends early.
    """

    def __init__(self, clock: IReactorTime, seconds: float, most: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._ends: OrderedDict[str, float] = OrderedDict()  # the next to end first

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._ends

    def begin(self, user_id: str) -> None:
        """Begin the countdown of a user, or begin it again."""
        self._ends[user_id] = self._clock.seconds() + self._seconds
        self._ends.move_to_end(user_id)

    def stop(self, user_id: str) -> None:
        """End the countdown of a user, if there is one."""
        self._ends.pop(user_id, None)

    def pop_ended(self) -> str | None:
        """Remove a countdown that has ended; return its user, None if there is none."""
        if len(self._ends) > self._most or (
            self._ends and next(iter(self._ends.values())) <= self._clock.seconds()
        ):
            return self._ends.popitem(last=False)[0]
        return None
