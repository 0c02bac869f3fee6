"""How many chatrooms a user may be in, and how many members a chatroom may have."""

from __future__ import annotations

from gim.errors import Conflict
from gim.limits.limits import CHATROOM_MEMBERS, USER_CHATROOMS, Limits


class MembershipLimits:
    """The two limits that only the storage can hold, as it knows how many there are."""

    def __init__(self, limits: Limits | None = None) -> None:
        """*limits* are none unless given."""
        self._limits = limits or Limits()

    def check(self, chatroom_id: str, members: int, chatrooms: int) -> None:
        """Raise `Conflict` if a chatroom with so many members may not get one who is in so many."""
        if 0 < self._limits[CHATROOM_MEMBERS] <= members:
            self.is_full(chatroom_id)
        if 0 < self._limits[USER_CHATROOMS] <= chatrooms:
            self.are_many()

    def is_full(self, chatroom_id: str) -> None:
        """Count that a chatroom has as many members as it may; raise `Conflict` unless that is all."""
        if self._limits.hit(CHATROOM_MEMBERS):
            most = self._limits[CHATROOM_MEMBERS]
            raise Conflict(
                f"chatroom {chatroom_id!r} has {most} members, the most there may be: try another"
            )

    def are_many(self) -> None:
        """Count that a user is in as many chatrooms as they may; raise `Conflict` unless that is all."""
        if self._limits.hit(USER_CHATROOMS):
            most = self._limits[USER_CHATROOMS]
            raise Conflict(f"you are in {most} chatrooms, the most there may be: leave one")

    @property
    def members(self) -> tuple[int, int]:
        """What a script takes: the most members of a chatroom, 0 for any number, and 1 to refuse more."""
        return self._limits[CHATROOM_MEMBERS], int(self._limits.enforced)

    @property
    def chatrooms(self) -> tuple[int, int]:
        """What a script takes: the most chatrooms of a user, 0 for any number, and 1 to refuse more."""
        return self._limits[USER_CHATROOMS], int(self._limits.enforced)
