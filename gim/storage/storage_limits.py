"""The limits that only the storage can enforce, as it knows the counts."""

from __future__ import annotations

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from gim.errors import Conflict, TooManyConnections
from gim.limits.limits import CHATROOM_MEMBERS, USER_CHATROOMS, USER_CONNECTIONS, LimitHits, Limits
from gim.limits.rate_per_second import RatePerSecond, send_rate


class MembershipLimits:
    """How many chatrooms a user may be in, and how many members a chatroom may have."""

    def __init__(self, limits: Limits, hits: LimitHits) -> None:
        self._max_members = limits.max_chatroom_members
        self._max_chatrooms = limits.max_user_chatrooms
        self._hits = hits

    def check(self, chatroom_id: str, members: int, chatrooms: int) -> None:
        """Raise `Conflict` if a chatroom of *members* may not get a user who is in *chatrooms*."""
        if 0 < self._max_members <= members:
            self.is_full(chatroom_id)
        if 0 < self._max_chatrooms <= chatrooms:
            self.are_many()

    def is_full(self, chatroom_id: str) -> None:
        """Count that a chatroom has as many members as it may have. Raises `Conflict` if that is to be
        refused."""
        if self._hits.hit(CHATROOM_MEMBERS):
            raise Conflict(
                f"chatroom {chatroom_id!r} has {self._max_members} members, the maximum: try another"
            )

    def are_many(self) -> None:
        """Count that a user is in as many chatrooms as they may be. Raises `Conflict` if that is to be
        refused."""
        if self._hits.hit(USER_CHATROOMS):
            raise Conflict(f"you are in {self._max_chatrooms} chatrooms, the maximum: leave one")

    @property
    def members(self) -> tuple[int, int]:
        """What a script takes: the most members of a chatroom, 0 for any number, and 1 to refuse more."""
        return self._max_members, int(self._hits.is_enforced)

    @property
    def chatrooms(self) -> tuple[int, int]:
        """What a script takes: the most chatrooms of a user, 0 for any number, and 1 to refuse more."""
        return self._max_chatrooms, int(self._hits.is_enforced)


class ConnectionLimit:
    """How many connections a user may have to one node."""

    def __init__(self, limits: Limits, hits: LimitHits) -> None:
        self._most = limits.max_user_connections
        self._hits = hits

    def check(self, count: int) -> None:
        """Raise `TooManyConnections` if a user with *count* connections may not have one more."""
        if self._hits.reached(USER_CONNECTIONS, self._most, count):
            raise TooManyConnections(f"you have {self._most} connections, the maximum: close one")


class StorageLimits(Struct, frozen=True):
    """All limits of a storage. The send rate is a service, which must run."""

    rooms: MembershipLimits
    connections: ConnectionLimit
    send_rate: RatePerSecond

    @classmethod
    def of(cls, limits: Limits, hits: LimitHits, clock: IReactorTime) -> StorageLimits:
        """Return the limits that the operator has set."""
        return cls(
            MembershipLimits(limits, hits),
            ConnectionLimit(limits, hits),
            send_rate(limits, hits, clock),
        )
