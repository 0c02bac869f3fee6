"""The persons that the memory store knows, and when it forgets them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from sortedcontainers import SortedDict, SortedList
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.clocks import WallClock
from gim.ids import SYSTEM
from gim.model import User, UserState
from gim.storage import refusals
from gim.storage.memory.countdowns import Countdowns
from gim.storage.memory.event_numbers import EventNumbers
from gim.storage.memory.listing import page_of
from gim.storage.memory.recorder import Recorder
from gim.storage.memory.records import Person
from gim.storage.memory.subscribers import Subscriber
from gim.storage.message_ids import FIRST
from gim.storage.rules import USERS_OUTLIVE_MESSAGES

MAX_IDLE = 100_000  # users of each countdown who are kept though nothing refers to them, 450 bytes each


class People:
    """Persons by id. A person without reference is forgotten, a user after a while.

    A countdown of `USERS_OUTLIVE_MESSAGES` seconds begins when the last message of the user is gone. A
    countdown longer by the time to live of messages begins when the user logs in, disconnects or leaves a
    chatroom. The user is forgotten when both have ended and nothing refers to them.

    ``forgotten_dropped`` is the largest `Person.newest_dropped` of all who were forgotten. A person who
    comes back begins with it, so that a gap in their private messages is never overlooked.
    """

    def __init__(
        self, clock: IReactorTime, wall: WallClock, ttl: float, recorder: Recorder | None = None
    ) -> None:
        """*ttl* is how many seconds a message is kept."""
        self._recorder = recorder if recorder is not None else Recorder()
        self._by_id: SortedDict[str, Person] = SortedDict()
        self.get: Callable[[str], Person | None] = self._by_id.get  # a person by id
        self._after_acts = Countdowns(clock, ttl + USERS_OUTLIVE_MESSAGES, MAX_IDLE)
        self._after_messages = Countdowns(clock, USERS_OUTLIVE_MESSAGES, MAX_IDLE)
        self.forgotten_dropped = FIRST
        self._online: SortedList[str] = SortedList()  # ids of users with a connection
        self.events = EventNumbers(wall)
        self.provisional: list[tuple[str, bool]] = []  # see `sender`: ids, and who was there before

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def online(self) -> int:
        """How many users have a connection."""
        return len(self._online)

    def __getitem__(self, user_id: str) -> Person:
        return self._by_id[user_id]

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

    def sender(self, user: User) -> Person:
        """Return the person of a user as `known` does, for a message that is not recorded yet.

        If the message is recorded, `provisional` must be cleared, else `take_back` be called.
        """
        person = self._by_id.get(user.id)
        if person is None or not person.has_logged_in:
            self._note(user.id)
            return self.known(user)
        return person

    def receiver(self, user_id: str) -> Person:
        """Return the person as `make` does, for a message that is not recorded yet: see `sender`."""
        person = self._by_id.get(user_id)
        if person is None:
            self._note(user_id)
            return self.make(user_id)
        return person

    def _note(self, user_id: str) -> None:
        if self._recorder.lasts:
            self.provisional.append((user_id, user_id in self._by_id))

    def take_back(self) -> None:
        """Undo what `sender` and `receiver` changed: the message could not be recorded."""
        for user_id, was_there in reversed(self.provisional):
            if was_there:
                self._by_id[user_id].log_out()
            else:
                del self._by_id[user_id]
        self.provisional.clear()

    def log_in(self, user_id: str, name: str | None) -> Person:
        """Make the person a user, renamed unless *name* is None; a name of "" stands for the id."""
        person = self.make(user_id)
        before = person.user if person.has_logged_in else None
        if name is not None or before is None:
            person.log_in(name or "")
        if person.user is not before:
            self._recorder.user(person.user)
        return person

    def record(self, user: User) -> None:
        """Record a logged-in user if `known` is going to create them again."""
        person = self._by_id.get(user.id)
        if person is None or not person.has_logged_in:
            self._recorder.user(user)

    def state(self, user_id: str) -> UserState:
        """Return a user, or raise `NotFound`, also for a user who is forgotten."""
        person = self._by_id.get(user_id)
        if person is None or not person.has_logged_in:
            raise refusals.no_user(user_id)
        return UserState(user_id, person.title, bool(person.subscribers))

    def find(
        self, prefix: str, cursor: str, count: int, online_only: bool
    ) -> tuple[list[UserState], str]:
        """See `gim.storage.interface.Users.find`."""

        def state_of(user_id: str) -> UserState | None:
            person = self._by_id[user_id]
            if not person.has_logged_in or user_id == SYSTEM:
                return None
            return UserState(user_id, person.title, bool(person.subscribers))

        ids = self._online if online_only else self._by_id
        return page_of(ids, prefix, cursor, count, state_of)

    def above(self, user_id: str, count: int) -> list[Person]:
        """Return the next *count* persons above an id, in order of their ids."""
        ids = self._by_id.irange(user_id, inclusive=(False, True))
        return [self._by_id[one] for one in islice(ids, count)]

    def put_back(self, by_id: dict[str, Person]) -> None:
        """Take persons that were restored, while there are none. `let_go` must follow for each."""
        self._by_id.update(by_id)

    def title(self, user_id: str) -> str:
        """Return the name that others see."""
        person = self._by_id.get(user_id)
        return person.title if person is not None else user_id

    def connect(self, person: Person, subscriber: Subscriber) -> None:
        """Count a connection of a user, who is kept while they have one."""
        if not person.subscribers:
            self._online.add(person.id)
            self._after_acts.stop(person.id)
            self._after_messages.stop(person.id)
        if not subscriber.watch(person):
            subscriber.further[person.id] = subscriber.further.get(person.id, 0) + 1

    def disconnect(self, person: Person, subscriber: Subscriber) -> None:
        """Count a connection of a user less, if they have one."""
        further = subscriber.further.pop(person.id, 0)
        if further > 1:
            subscriber.further[person.id] = further - 1
        elif not further and subscriber in person.subscribers:
            subscriber.unwatch(person)
            if not person.subscribers:
                self._online.remove(person.id)
            self.let_go(person)

    def let_go(self, person: Person) -> None:
        """Let a person be forgotten who has no connection and membership."""
        if not (person.subscribers or person.rooms):
            self._forget_later(person, self._after_acts)

    def messages_gone(self, person: Person) -> None:
        """Let a person be forgotten whose messages are all gone."""
        person.order = None
        if not self._is_needed(person):
            self._forget_later(person, self._after_messages)

    def _forget_later(self, person: Person, countdowns: Countdowns) -> None:
        """Forget a person who is not needed; a user when the countdown ends."""
        if person.has_logged_in:
            countdowns.begin(person.id)
            self._end_one(countdowns)
        elif not self._is_needed(person):
            self._forget(person)

    def release(self, limit: int) -> bool:
        """End up to *limit* of each countdown that have had their time; say whether more may wait."""
        after_acts = all(self._end_one(self._after_acts) for _ in range(limit))
        return all(self._end_one(self._after_messages) for _ in range(limit)) or after_acts

    def _end_one(self, countdowns: Countdowns) -> bool:
        """Forget one user whose countdown has ended, unless they are needed; say if there was one."""
        user_id = countdowns.pop_ended()
        if user_id is None:
            return False
        person = self._by_id[user_id]
        waits = user_id in self._after_acts or user_id in self._after_messages
        if not waits and not self._is_needed(person):
            self._forget(person)
        return True

    def _is_needed(self, person: Person) -> bool:
        return person.is_needed() or self.events.is_online(person.id)

    def _forget(self, person: Person) -> None:
        del self._by_id[person.id]
        self.forgotten_dropped = max(self.forgotten_dropped, person.newest_dropped)
        self.events.forget(person.id)

    def count_event(self, user_id: str, online: bool | None) -> int | None:
        """See `gim.storage.interface.WebhookLog.next_event_number`."""
        is_none = online is False and self._is_connected(user_id)
        number = None if is_none else self.events.following(user_id, online)
        if number is not None:
            self._recorder.event(user_id, number, online)
            self.events.put(user_id, number, online)
        self.let_go(self.make(user_id))
        return number

    def _is_connected(self, user_id: str) -> bool:
        person = self._by_id.get(user_id)
        return person is not None and bool(person.subscribers)

    def take_absent(self, limit: int) -> list[str]:
        """See `gim.storage.interface.WebhookLog.users_to_reannounce`."""
        return self.events.take_absent(limit, self._is_connected)
