"""Reports changes in the memory store to its listener and its observer."""

from __future__ import annotations

from gim.model import Counts
from gim.storage.announcements import Announcement, MemberJoined, MemberLeft
from gim.storage.interface import Listener, MembershipObserver
from gim.storage.memory.records import Person


class Announcer:
    """Sends the listener what it subscribed to, and the observer every change of a membership."""

    __slots__ = ("listener", "observer")

    def __init__(self) -> None:
        self.listener: Listener | None = None
        self.observer: MembershipObserver | None = None

    def announce(self, news: Announcement) -> None:
        """Announce news about a user or chatroom that is subscribed to."""
        if self.listener is not None:
            self.listener.on_announcement(news)

    def membership_changed(self, person: Person, news: MemberJoined | MemberLeft) -> None:
        """Report that a membership of the person began or ended."""
        if person.is_subscribed:
            self.announce(news)
        if self.observer is not None:
            self.observer.on_announcement(news)

    def counts(self) -> Counts:
        """Return the listener's counts, zeros before the start."""
        return self.listener.counts() if self.listener is not None else Counts()
