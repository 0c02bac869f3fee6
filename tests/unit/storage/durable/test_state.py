"""The state of the store in portions that are small, whatever is in it, and while it changes."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.ids import chatroom_session, private_session
from gim.model import User
from gim.storage.durable.effects import (
    Chatroom,
    Emptied,
    Globals,
    MemberJoined,
    Person,
    Private,
    StateEffect,
    UserBanned,
)
from gim.storage.durable.state import PORTION, slices
from gim.storage.interface import Draft
from tests.support.settings import memory_store
from tests.support.storage_behaviour.memory import START
from tests.unit.storage.memory.test_model import answer_to

MANY = 10 * PORTION


class SlicesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.store = memory_store(self.clock, sequences=True, max_session_messages=2, ttl=60.0)

    def send(self, sender: str, receiver: str) -> None:
        draft = Draft(private_session(sender, receiver), User(sender, sender), "hello")
        answer_to(self.store.messages.append(draft))

    def join(self, user_id: str, room: str) -> None:
        answer_to(self.store.chatrooms.join(room, User(user_id, user_id), ""))

    def all(self) -> list[StateEffect]:
        return [effect for portion in slices(self.store.data) for effect in portion]

    def test_each_kind_of_state_is_there(self) -> None:
        self.send("ann", "bob")
        self.clock.advance(61)
        self.store.data.sweep(9)
        for _ in range(3):
            self.send("ann", "cat")
        self.join("ann", "r")
        draft = Draft(chatroom_session("r"), User("ann", "ann"), "hello")
        said = answer_to(self.store.messages.append(draft))
        answer_to(self.store.moderation.ban("dan", 1000, 1000))
        effects = self.all()
        kinds = [Globals, Chatroom, MemberJoined, Private, Emptied, Person, Person, UserBanned, Globals]
        self.assertEqual([type(effect) for effect in effects], kinds)
        (private,) = (effect for effect in effects if isinstance(effect, Private))
        oldest = answer_to(self.store.messages.history(private_session("ann", "cat"), "ann", None, 9))[0][
            0
        ]
        self.assertEqual((private.sequence, private.first), (3, oldest.id))
        (room,) = (effect for effect in effects if isinstance(effect, Chatroom))
        self.assertEqual((room.owner, room.sequence, room.first), ("ann", 1, said.id))
        self.assertIn(Emptied("2:ann:bob", 1), effects)

    def test_portions_of_a_user_with_many_sessions_are_small(self) -> None:
        for number in range(MANY):
            self.send("ann", f"user{number}")
            self.join(f"user{number}", "r")
        portions = list(slices(self.store.data))
        self.assertLessEqual(max(map(len, portions)), PORTION)
        sessions = [one.session for part in portions for one in part if isinstance(one, Private)]
        self.assertEqual(sessions, sorted(f"2:ann:user{number}" for number in range(MANY)))
        members = [one.user for part in portions for one in part if isinstance(one, MemberJoined)]
        self.assertEqual(len(members), MANY)

    def test_what_comes_and_goes_between_two_portions_disturbs_nothing(self) -> None:
        for number in range(MANY):
            self.send(f"user{number}", "ann")
            self.join(f"user{number}", f"room{number}")
        seen: set[str] = set()
        for number, portion in enumerate(slices(self.store.data)):
            seen.update(one.session for one in portion if isinstance(one, Private))
            answer_to(self.store.chatrooms.leave(f"room{number}", f"user{number}"))
            self.send("ann", f"user{number}")
            self.send("ann", f"newcomer{number}")
            self.join("ann", f"another{number}")
        self.assertLessEqual({f"2:ann:user{number}" for number in range(MANY)}, seen)
