"""Private sessions in the order of their last messages, for pages that begin in the middle of many."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from gim.storage.interface import Position

MIN_ORDERED = 256  # sessions of a user; with fewer a page walks over all of them instead
MIN_STALE = 1000  # stale places that an order may hold,
SESSIONS_PER_STALE = 8  # and one more for every so many sessions


class SessionOrder:
    """The places of one user's sessions: a sorted list, as ids rise and each message adds a place.

    A session that moves leaves a stale place behind, which a reader passes over. With too many of these
    the order is made anew. A page costs O(log n + places passed). A place takes 64 bytes.
    """

    __slots__ = ("_places",)

    def __init__(self, places: Iterable[Position]) -> None:
        """*places* are the current ones of all sessions, ascending."""
        self._places = list(places)

    def __len__(self) -> int:
        return len(self._places)

    def add(self, place: Position) -> None:
        """Add the place of a session whose last message is newer than all others."""
        self._places.append(place)

    def is_stale(self, sessions: int) -> bool:
        """Say whether too many places are stale; *sessions* is how many the user has."""
        return len(self._places) > sessions + MIN_STALE + sessions // SESSIONS_PER_STALE

    def older(self, place: Position) -> Iterator[Position]:
        """Walk over the places before one, newest first, stale ones among them."""
        for at in range(bisect_left(self._places, place) - 1, -1, -1):
            yield self._places[at]
