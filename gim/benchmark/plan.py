"""What one process of the generator does; it travels to it as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from gim.benchmark.site import Site

PRIVATE, FANOUT, IDLE, LOGIN = "private", "fanout", "idle", "login"
MEASUREMENTS = (IDLE, LOGIN, PRIVATE, FANOUT)  # the order without a choice: memory is counted first


class User(NamedTuple):
    """A user to log in as; an empty token for a server without a key."""

    id: str
    token: str


@dataclass(frozen=True)
class Plan:
    """One measurement. ``rate`` is a second, 0 for a closed loop; ``ramp_up_s`` passes before the window
    of ``window_s`` begins. ``users`` are those of the process number ``place`` of ``processes``."""

    measurement: str
    site: Site
    users: tuple[User, ...]
    rooms: tuple[str, ...]
    size: int
    rate: float
    in_flight: int
    ramp_up_s: float
    window_s: float
    place: int = 0
    processes: int = 1

    def share(self, place: int) -> Plan:
        """Return the part of one process. The two users of a pair stay together."""
        group = 2 if self.measurement == PRIVATE else 1
        users = tuple(
            user for number, user in enumerate(self.users) if number // group % self.processes == place
        )
        return replace(self, users=users, place=place)

    def room_of(self, number: int) -> int:
        """Return the number of the chatroom of the user who has a number within this process."""
        return (number * self.processes + self.place) % len(self.rooms)

    def as_json(self) -> dict[str, Any]:
        """Return it for a line of JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """Return what `as_json` wrote."""
        users = tuple(User(*user) for user in data["users"])
        rooms = tuple(data["rooms"])
        return cls(**{**data, "site": Site(**data["site"]), "users": users, "rooms": rooms})
