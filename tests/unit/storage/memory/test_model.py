"""The memory store against a model of it in plain lists, through whatever steps Hypothesis thinks of.

The store may still hold what has expired; a sweep at any time must change no answer.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import Conflict, GimError, NotFound
from gim.ids import CHATROOM, PRIVATE, SYSTEM, Session, chatroom_session, private_session
from gim.model import Message, Sent, User
from gim.storage.interface import Draft
from gim.storage.memory import inbox, session_order
from gim.storage.rules import USERS_OUTLIVE_MESSAGES
from tests.support.settings import memory_store
from tests.support.storage_behaviour.base import ANCIENT, FUTURE, enter
from tests.support.storage_behaviour.memory import START, containers_with_entries
from tests.support.storage_behaviour.plain_model import ROOMS, WINDOW, Model, session_of

USERS = ("ann", "bob", "cat")  # always connected, so that they are never forgotten
PEOPLE = (*USERS, "dan")  # dan is only written to

users, people, rooms = st.sampled_from(USERS), st.sampled_from(PEOPLE), st.sampled_from(ROOMS)
counts = st.integers(1, 5)
texts = st.sampled_from(["one", "one", "one", "other"])
seconds = st.sampled_from([0.0, 0.125, 0.5, 1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 299.0])  # exact in a float
pairs = st.lists(people, min_size=2, max_size=2, unique=True)


def answer_to(question: Coroutine[Any, Any, Any]) -> Any:
    """Return what the store answers; the memory store never waits."""
    try:
        question.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("the memory store waits")


class MemoryMachine(RuleBasedStateMachine):
    """Takes steps with both and compares their answers."""

    @initialize(in_session=st.integers(1, 4), in_all=st.integers(1, 9), ttl=st.sampled_from([5, 20]))
    def begin(self, in_session: int, in_all: int, ttl: int) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        limits = {"max_session_messages": in_session, "max_messages": in_all, "ttl": ttl}
        self.store = memory_store(self.clock, sequences=True, **limits)  # type: ignore[arg-type]
        self.model = Model(in_session, in_all, ttl * 1000)
        self.wait(0.0)
        self.sequences: dict[str, int] = {}
        for user_id in USERS:
            self.rename(user_id, user_id.title())
            answer_to(enter(self.store, user_id))
            self.join(user_id, ROOMS[0])

    def compare(self, question: Coroutine[Any, Any, Any], refusals: tuple[type[GimError], ...]) -> Any:
        """Return the store's answer, None where the model wants a refusal and gets it."""
        try:
            answer = answer_to(question)
        except GimError as error:
            assert type(error) in refusals, error
            return None
        assert not refusals, answer
        return answer

    @rule(user_id=users, name=st.sampled_from(["A", "B"]))
    def rename(self, user_id: str, name: str) -> None:
        answer_to(self.store.users.put(user_id, name))
        self.model.names[user_id] = name

    @rule(by=seconds)
    def wait(self, by: float) -> None:
        self.clock.advance(by)
        self.model.now_ms = int(self.clock.seconds() * 1000)
        self.model.expire()

    @rule(limit=st.integers(1, 3))
    def sweep(self, limit: int) -> None:
        self.store.data.sweep(limit)

    @rule(sender=users, receiver=people, times=st.integers(1, 3))
    def send_private(self, sender: str, receiver: str, times: int) -> None:
        for _ in range(times if sender != receiver else 0):
            self.send(private_session(sender, receiver), sender)

    @rule(sender=users, room=rooms, times=st.integers(1, 3))
    def send_to_room(self, sender: str, room: str, times: int) -> None:
        for _ in range(times):
            self.send(chatroom_session(room), sender)

    @rule(sender=users, room=rooms, in_room=st.booleans(), request_id=st.sampled_from("xy"), text=texts)
    def request(self, sender: str, room: str, in_room: bool, request_id: str, text: str) -> None:
        session = chatroom_session(room) if in_room else private_session(sender, "dan")
        self.send(session, sender, request_id, text)

    def send(self, session: Session, sender: str, request_id: str = "", text: str = "") -> None:
        before = self.model.remembered(sender, session, request_id)
        content = text or f"number {self.model.events}"
        draft = Draft(session, User(sender, "an old name"), content, request_id=request_id)
        refusals = self.model.refusal(session, sender) if before is None else ()
        if before is not None and before[0] != content:
            refusals = (Conflict,)
        sent = self.compare(self.store.messages.append(draft), refusals)
        if before is not None:
            assert sent in (before[1], None)
        elif sent is not None:
            self.stored(session, sender, content, sent)
            self.model.remember(sender, session, request_id, content, sent)

    def stored(self, session: Session, sender: str, content: str, sent: Sent) -> None:
        assert sent.id > max(self.model.places, default=ANCIENT)
        assert sent.created_at == int(sent.id[:12], 16) == self.model.now_ms
        following = self.sequences.get(session.id, 0) + 1
        begun_anew = session.type == CHATROOM and not self.model.of(session) and sent.sequence == 1
        assert (
            sent.sequence == following or begun_anew
        )  # a chatroom may have been forgotten and made anew
        self.sequences[session.id] = sent.sequence
        user = User(sender, self.model.names[sender])
        fields = (user, "text", content, sent.sequence, 1, sent.created_at)
        self.model.store(Message(sent.id, session.id, *fields))

    @rule(user_id=users, room=rooms)
    def join(self, user_id: str, room: str) -> None:
        self.model.join(room, user_id)
        total = answer_to(self.store.chatrooms.join(room, User(user_id, "an old name"), ""))
        assert total == len(self.model.members[room])

    @rule(user_id=people, room=rooms)
    def leave(self, user_id: str, room: str) -> None:
        session = chatroom_session(room)
        refusals = self.model.refusal(session, user_id)
        if NotFound not in refusals:
            answer_to(self.store.chatrooms.leave(room, user_id))
        self.model.leave(room, user_id)

    @rule(room=rooms)
    def dismiss(self, room: str) -> None:
        if self.model.members[room]:
            answer_to(self.store.moderation.dismiss(room, SYSTEM))
            self.model.dismiss(room)

    @rule(room=rooms, user_id=people, after=st.sampled_from(["", "ann", "b"]), count=counts)
    def members(self, room: str, user_id: str, after: str, count: int) -> None:
        refusals = self.model.refusal(chatroom_session(room), user_id)
        answer = self.compare(self.store.chatrooms.members(room, user_id, after, count), refusals)
        if answer is not None:
            items, total, more = answer
            ids = sorted(member for member in self.model.members[room] if member > after)
            assert [(item.id, item.name) for item in items] == [
                (member, self.model.names[member]) for member in ids[:count]
            ]
            assert (total, more) == (len(self.model.members[room]), len(ids) > count)

    @rule(data=st.data(), pair=pairs, room=rooms, in_room=st.booleans(), count=counts)
    def history(self, data: st.DataObject, pair: list[str], room: str, in_room: bool, count: int) -> None:
        session = chatroom_session(room) if in_room else private_session(*pair)
        before = data.draw(st.none() | self.some_id())
        question = self.store.messages.history(session, pair[0], before, count)
        answer = self.compare(question, self.model.refusal(session, pair[0]))
        if answer is not None:
            older = [m for m in self.model.of(session) if before is None or m.id < before]
            assert answer == (older[-count:], len(older) > count)

    def some_id(self) -> st.SearchStrategy[str]:
        return st.sampled_from([ANCIENT, FUTURE, *list(self.model.places)[-12:]])

    @rule(data=st.data(), pair=pairs, room=rooms, in_room=st.booleans())
    def mark_read(self, data: st.DataObject, pair: list[str], room: str, in_room: bool) -> None:
        session = chatroom_session(room) if in_room else private_session(*pair)
        message_id, reader = data.draw(self.some_id()), pair[0]
        question = self.store.messages.mark_read(session, reader, message_id)
        unread = self.compare(question, self.model.refusal(session, reader))
        if unread is not None:
            self.model.mark_read(reader, session, message_id)
            assert unread == self.model.unread(reader, session)

    @rule(data=st.data())
    def recall(self, data: st.DataObject) -> None:
        if self.model.messages:
            message = data.draw(st.sampled_from(self.model.messages))
            answer_to(self.store.moderation.recall(session_of(message), SYSTEM, message.id))
            self.model.recall(message)

    @rule(user_id=people, kind=st.sampled_from([CHATROOM, PRIVATE]), count=counts)
    def sessions(self, user_id: str, kind: int, count: int) -> None:
        expected = [line for line in self.model.sessions_of(user_id) if line.type == kind]
        after = None
        for start in range(0, max(len(expected), 1), count):
            page, after = answer_to(self.store.messages.sessions(user_id, kind, after, count))
            assert page == expected[start : start + count]
            assert (after is None) == (len(expected) <= start + count)

    @rule(data=st.data(), user_id=people, limit=st.integers(1, 6), named=st.booleans())
    def missed(self, data: st.DataObject, user_id: str, limit: int, named: bool) -> None:
        self.check_missed(user_id, data.draw(self.some_id()) if named else None, limit)

    def check_missed(self, user_id: str, since: str | None, limit: int) -> None:
        missed = answer_to(self.store.messages.missed(user_id, since, limit))
        after = since or self.model.marks.get(user_id, ANCIENT)
        newer = [message for message in self.model.private_of(user_id) if message.id > after]
        if since is None:
            newer = [message for message in newer if message.sender.id != user_id]
        assert missed.messages == newer[-limit:]
        cut = len(newer) > limit
        hole = since is not None and self.model.lost_after(user_id, since)
        assert missed.complete is not (cut or hole)
        sessions = {session_of(message) for message in missed.messages}
        assert missed.titles == {one.id: self.model.title(user_id, one) for one in sessions}

    @rule(data=st.data(), user_id=users)
    def delivered(self, data: st.DataObject, user_id: str) -> None:
        mine = [message.id for message in self.model.private_of(user_id)]
        if mine:
            message_id = data.draw(st.sampled_from(mine))
            self.store.messages.delivered(user_id, message_id)
            self.model.marks[user_id] = max(self.model.marks.get(user_id, ANCIENT), message_id)

    @invariant()
    def everybody_sees_the_same_list_in_both(self) -> None:
        for user_id in PEOPLE:
            found, following = answer_to(self.store.messages.sessions(user_id, None, None, 20))
            assert (found, following) == (self.model.sessions_of(user_id), None)

    @invariant()
    def everybody_has_missed_the_same_in_both(self) -> None:
        for user_id in PEOPLE:
            self.check_missed(user_id, None, 20)

    @invariant()
    def it_holds_no_more_than_its_limit(self) -> None:
        assert len(self.model.messages) <= self.store.data.sizes()["messages"] <= self.model.max_messages

    def teardown(self) -> None:
        """Everybody goes: nothing may be left."""
        for user_id in USERS:
            for room in answer_to(self.store.chatrooms.of_user(user_id)):
                answer_to(self.store.chatrooms.leave(room, user_id))
            self.store.users.exit(user_id)
        self.clock.advance(WINDOW + self.model.ttl_ms / 1000)
        while self.store.data.sweep(5):
            pass
        kept = {kind: size for kind, size in self.store.data.sizes().items() if kind != "users"}
        assert set(kept.values()) == {0}, kept
        self.clock.advance(USERS_OUTLIVE_MESSAGES + self.model.ttl_ms / 1000)
        while self.store.data.sweep(5):
            pass
        assert set(self.store.data.sizes().values()) == {0}, self.store.data.sizes()
        kept_on_purpose = {"Archive._emptied"}  # for the sequences, up to a limit
        assert set(containers_with_entries(self.store)) <= kept_on_purpose


class MemoryModelTests(SynchronousTestCase):
    def test_the_store_of_users_with_many_sessions_answers_like_the_model(self) -> None:
        """As if few sessions were many: pages use an order, and logins leave expired messages."""
        self.patch(inbox, "MIN_ORDERED", 0)
        self.patch(session_order, "MIN_STALE", 2)
        self.patch(inbox, "MAX_EXPIRED", 1)
        self.test_the_store_answers_like_the_model()

    def test_the_store_answers_like_the_model(self) -> None:
        try:
            run_state_machine_as_test(MemoryMachine, settings=settings(stateful_step_count=50))
        except Exception as error:
            print(*getattr(error, "__notes__", []), sep="\n")  # the steps: trial leaves them out
            raise
