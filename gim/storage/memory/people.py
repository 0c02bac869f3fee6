"""The persons that the memory store knows, and when it forgets them."""

from __future__ import annotations

from collections import OrderedDict

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.clocks import WallClock
from gim.model import User, UserState
from gim.storage import refusals
from gim.storage.memory.event_numbers import EventNumbers
from gim.storage.memory.records import Person
from gim.storage.message_ids import FIRST
from gim.storage.rules import LOGIN_HOLD


class People:
    """Persons by id. `let_go` forgets a person to which nothing refers.

    ``forgotten_dropped`` is the largest `Person.newest_dropped` of all who were forgotten. A person who
    comes back begins with it, so that a gap in their private messages is never overlooked.
    """

    def __init__(self, clock: IReactorTime, wall: WallClock) -> None:
        self._clock = clock
        self._by_id: dict[str, Person] = {}
        self._held: OrderedDict[str, float] = OrderedDict()  # user id to when the hold ends
        self.forgotten_dropped = FIRST
        self._events = EventNumbers(wall)

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, user_id: str) -> Person:
        return self._by_id[user_id]

    def get(self, user_id: str) -> Person | None:
        return self._by_id.get(user_id)

    def make(self, user_id: str) -> Person:
        """Return the person, created if missing: not a user yet, but an id that gets a message."""
        person = self._by_id.get(user_id)
        if person is None:
            person = self._by_id[user_id] = Person(user_id)
            person.newest_dropped = self.forgotten_dropped
        return person

    def known(self, user: User) -> Person:
        """Return the person of a logged-in user, created again if forgotten since."""
        person = self._by_id.get(user.id) or self.make(user.id)
        if not person.has_logged_in:
            person.log_in(user.name)
        return person

    def log_in(self, user_id: str, name: str | None) -> Person:
        """Make the person a user, renamed unless *name* is None; a name of "" stands for the id."""
        person = self.make(user_id)
        if name is not None or not person.has_logged_in:
            person.log_in(name or "")
        return person

    def state(self, user_id: str) -> UserState:
        """Return a user, or raise `NotFound`, also for a user who is forgotten."""
        person = self._by_id.get(user_id)
        if person is None or not person.has_logged_in:
            raise refusals.no_user(user_id)
        return UserState(user_id, person.title, person.is_subscribed)

    def title(self, user_id: str) -> str:
        """Return the name that others see."""
        person = self._by_id.get(user_id)
        return person.title if person is not None else user_id

    def let_go(self, person: Person) -> None:
        """Forget the person if nothing refers to them."""
        if person.is_needed() or person.id in self._held or self._events.is_online(person.id):
            return
        del self._by_id[person.id]
        self.forgotten_dropped = max(self.forgotten_dropped, person.newest_dropped)
        self._events.forget(person.id)

    def count_event(self, user_id: str, online: bool | None) -> int | None:
        """See `gim.storage.interface.WebhookLog.next_event_number`."""
        person = self.make(user_id)
        is_none = online is False and person.is_subscribed
        number = None if is_none else self._events.count(user_id, online)
        self.let_go(person)
        return number

    def hold(self, user_id: str) -> None:
        """Keep the person for at least `LOGIN_HOLD` seconds from now."""
        self._held[user_id] = self._clock.seconds() + LOGIN_HOLD
        self._held.move_to_end(user_id)

    def release(self, limit: int) -> bool:
        """End up to *limit* holds that have expired; say whether more may wait."""
        now = self._clock.seconds()
        for _ in range(limit):
            if not self._held or next(iter(self._held.values())) > now:
                return False
            user_id, _until = self._held.popitem(last=False)
            self.let_go(self._by_id[user_id])
        return True
