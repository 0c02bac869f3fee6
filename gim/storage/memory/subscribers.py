"""Who gets what the memory store announces: one listener, or several that share the data."""

from __future__ import annotations

from collections.abc import Callable

from gim.model import Counts
from gim.storage.announcements import Announcement, MemberJoined, MemberLeft, NodeMessage
from gim.storage.interface import Listener, MembershipObserver
from gim.storage.memory.records import Chatroom, Person


def _to_no_one(news: Announcement) -> None:
    pass


class Subscriber:
    """A listener, and the users and chatrooms that it gets the announcements of.

    A person and a chatroom hold their subscribers in a tuple. That of the only one is shared, so it costs
    no memory.
    """

    __slots__ = ("_listener", "alone", "announce", "further", "name")

    def __init__(self, name: str) -> None:
        """*name* is that of the listener."""
        self.name = name
        self.alone = (self,)
        self.further: dict[str, int] = {}  # connections of a user here beyond the first one
        self.announce: Callable[[Announcement], None] = _to_no_one
        self._listener: Listener | None = None

    def start(self, listener: Listener) -> None:
        """Announce to *listener* from now on."""
        self._listener = listener
        self.announce = listener.on_announcement

    def stop(self) -> None:
        """Announce nothing any more."""
        self._listener = None
        self.announce = _to_no_one

    @property
    def connections(self) -> int:
        """How many connections the listener has."""
        return self._counts().connections

    def _counts(self) -> Counts:
        return self._listener.counts() if self._listener is not None else Counts()

    def connections_of(self, person: Person) -> int:
        """Return how many connections a person has here."""
        return 1 + self.further.get(person.id, 0) if self in person.subscribers else 0

    def watch(self, thing: Person | Chatroom) -> bool:
        """Announce what happens to a person or in a chatroom; return whether that is new."""
        if self in thing.subscribers:
            return False
        thing.subscribers = (*thing.subscribers, self) if thing.subscribers else self.alone
        return True

    def unwatch(self, thing: Person | Chatroom) -> None:
        """Announce what happens to a person or in a chatroom no longer."""
        others = tuple(each for each in thing.subscribers if each is not self)
        thing.subscribers = others[0].alone if len(others) == 1 else others


def announce(thing: Person | Chatroom, news: Announcement) -> None:
    """Announce news to all who subscribe to a person or a chatroom."""
    for subscriber in thing.subscribers:
        subscriber.announce(news)


class Subscribers:
    """All subscribers of the store, and the one observer of memberships."""

    def __init__(self) -> None:
        self._all: dict[Subscriber, None] = {}  # a set that keeps its order
        self.observer: MembershipObserver | None = None

    def add(self, subscriber: Subscriber, listener: Listener) -> None:
        """Announce to *listener* what *subscriber* subscribes to, and what concerns all."""
        self._all[subscriber] = None
        subscriber.start(listener)

    def remove(self, subscriber: Subscriber) -> None:
        """Announce nothing to a subscriber any more."""
        self._all.pop(subscriber, None)
        subscriber.stop()

    def announce_to_all(self, news: Announcement) -> None:
        """Announce news that concerns everyone."""
        for subscriber in tuple(self._all):
            subscriber.announce(news)

    def tell(self, name: str, message: NodeMessage) -> None:
        """Announce a message to the listener of a name, "" for all."""
        for subscriber in tuple(self._all):
            if name in ("", subscriber.name):
                subscriber.announce(message)

    @property
    def names(self) -> list[str]:
        """The names of all listeners."""
        return [subscriber.name for subscriber in self._all]

    def membership_changed(self, person: Person, news: MemberJoined | MemberLeft) -> None:
        """Report that a membership of the person began or ended."""
        announce(person, news)
        if self.observer is not None:
            self.observer.on_announcement(news)

    @property
    def connections(self) -> int:
        """How many connections all listeners have."""
        return sum(subscriber.connections for subscriber in self._all)
