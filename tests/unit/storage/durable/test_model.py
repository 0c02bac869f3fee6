"""The store on a journal against the model of a store, through steps, checkpoints, stops and crashes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from tempfile import mkdtemp
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from msgspec.structs import replace
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import GimError
from gim.ids import SYSTEM, Session
from gim.journal.files import read_file, write_file
from gim.journal.records import BEGIN, MAGIC, frame, records
from gim.model import Role
from gim.storage.durable import restore, settle, state
from gim.storage.durable.effects import MessageStored, decode_log, encode
from gim.storage.memory.store import MemoryStore
from tests.support.clocks import SettableWallClock
from tests.support.journal.stores import JournalledStore
from tests.support.storage_behaviour.base import ANCIENT, enter
from tests.support.storage_behaviour.memory import START
from tests.support.storage_behaviour.plain_model import Model
from tests.unit.storage.memory.test_model import PEOPLE, USERS, MemoryMachine, answer_to, people, rooms

KEPT_ROOMS = ("kept", "made")


class JournalMachine(MemoryMachine):
    """Takes steps with a store that is stopped, killed and started again now and then.

    What the model of the steps does not know, roles, mutes, bans and numbers, is compared between the
    store that ended and the one that began.
    """

    @initialize(in_session=st.integers(1, 4), in_all=st.integers(1, 9), ttl=st.sampled_from([5, 20]))
    def begin(self, in_session: int, in_all: int, ttl: int) -> None:
        self.path = mkdtemp()
        self.clock = Clock()
        self.clock.advance(START)
        self.limits = {"max_session_messages": in_session, "max_messages": in_all, "ttl": ttl}
        self.model = Model(in_session, in_all, ttl * 1000)
        self.sequences: dict[str, int] = {}
        self.muted: set[tuple[str, str]] = set()
        self.checkpoint: Iterator[None] | None = None
        self.may_have_holes = False
        self.start()
        self.wait(0.0)
        for user_id in USERS:
            self.rename(user_id, user_id.title())
            answer_to(enter(self.store, user_id))
            self.join(user_id, "r")

    def start(self) -> None:
        wall = SettableWallClock(self.clock.seconds)
        self.process = JournalledStore(self.path, self.clock, wall, **self.limits)
        self.store = self.process.store
        self.checkpoint = None
        assert self.process.restored.problems == []

    def send(self, session: Session, sender: str, request_id: str = "", text: str = "") -> None:
        room = session.parts[0]
        if (room, sender) in self.muted and sender in self.model.members[room]:
            answer_to(self.store.moderation.mute(room, SYSTEM, sender, 0))
            self.muted.remove((room, sender))
        super().send(session, sender, request_id, text)

    @rule(data=st.data(), room=rooms, seconds=st.integers(1, 9))
    def mute(self, data: st.DataObject, room: str, seconds: int) -> None:
        if self.model.members[room]:
            user_id = data.draw(st.sampled_from(sorted(self.model.members[room])))
            answer_to(self.store.moderation.mute(room, SYSTEM, user_id, seconds * 1000))
            self.muted.add((room, user_id))

    @rule(data=st.data(), room=rooms, role=st.sampled_from(list(Role)))
    def appoint(self, data: st.DataObject, room: str, role: str) -> None:
        if self.model.members[room]:
            user_id = data.draw(st.sampled_from(sorted(self.model.members[room])))
            answer_to(self.store.moderation.appoint(room, SYSTEM, user_id, role))

    @rule(room=st.sampled_from(KEPT_ROOMS), name=st.sampled_from(["", "A", "B"]))
    def create_or_dismiss(self, room: str, name: str) -> None:
        try:
            answer_to(self.store.chatrooms.create(room, name, None))
        except GimError:
            answer_to(self.store.moderation.dismiss(room, SYSTEM))

    @rule(room=st.sampled_from(KEPT_ROOMS), name=st.sampled_from(["A", "B"]))
    def rename_room(self, room: str, name: str) -> None:
        if self.store.data.archive.get(f"1:{room}") is not None:
            answer_to(self.store.moderation.rename(room, SYSTEM, name))

    @rule(user_id=people, seconds=st.integers(0, 9))
    def ban(self, user_id: str, seconds: int) -> None:
        if user_id in USERS:  # they need to log in again after a start
            user_id = "eve"
        if seconds:
            answer_to(self.store.moderation.ban(user_id, seconds * 1000, 20_000))
        else:
            answer_to(self.store.moderation.unban(user_id))

    @rule(user_id=people, online=st.sampled_from([None, True, False]))
    def count_event(self, user_id: str, online: bool | None) -> None:
        answer_to(self.store.webhook_log.next_event_number(user_id, online))

    @rule()
    def tick(self) -> None:
        self.process.ticker.tick()

    @rule()
    def begin_checkpoint(self) -> None:
        self.checkpoint = self.process.checkpoint()

    @rule(portions=st.integers(1, 9))
    def go_on_with_checkpoint(self, portions: int) -> None:
        for _ in range(portions):
            if self.checkpoint is not None and next(self.checkpoint, "done") == "done":
                self.checkpoint = None

    @rule()
    def compact(self) -> None:
        """Remove from the logs before the newest checkpoint what does not live."""
        self.process.ticker.tick()
        states = self.process.directory.states()
        for log in self.process.directory.logs():
            if states and log.number < states[-1].number:
                begin = MAGIC + frame(encode((BEGIN, log.number, None, True)))
                living = self.living(read_file(log.path))
                write_file(log.path, begin + living) if living else os.unlink(log.path)

    def living(self, content: bytes) -> bytes:
        living = b""
        for _, payload in records(content):
            record = decode_log(payload)
            if isinstance(record, MessageStored):
                message = self.store.data.archive.messages.get(record.session, record.id)
                if message is not None:
                    stub = replace(record, content=message.content, status=message.status)
                    living += frame(encode(stub))
        return living

    @rule(killed=st.booleans(), by=st.sampled_from([0.125, 1.0, 6.0]))
    def restart(self, killed: bool, by: float) -> None:
        self.wait(by)
        while self.store.data.sweep(5):
            pass
        before = self.process
        if killed:  # at the worst moment: a second of trimming has not been told of
            if self.process.data.archive.newest_trimmed > ANCIENT:
                self.process.ticker.tick()
            before.kill()
        else:
            before.close()
        self.start()
        self.may_have_holes = True
        self.compare_with(before.store)
        for user_id in USERS:
            answer_to(enter(self.store, user_id))

    def compare_with(self, before: MemoryStore) -> None:
        was, now = before.data, self.store.data
        for user_id, person in ((user, now.people.get(user)) for user in (*PEOPLE, "eve")):
            old = was.people.get(user_id)
            if person is None or old is None:
                assert old is None or not (old.has_logged_in or old.is_needed()), user_id
                continue
            assert person.newest_dropped >= old.newest_dropped
            assert person.delivered_up_to <= old.delivered_up_to
            self.model.marks[user_id] = person.delivered_up_to
            number = was.people.events.last(user_id)  # 0 for one who was forgotten, and came back
            assert now.people.events.last(user_id) == number or not number
            assert now.people.events.is_online(user_id) == was.people.events.is_online(user_id)
            assert list(person.rooms) == list(old.rooms)
            assert list(person.private) == list(old.private)
            assert person.stored == old.stored
        assert now.archive.ids.last >= max(self.model.places, default=ANCIENT)
        expected, found = picture_of(before), picture_of(self.store)
        assert found == expected, (found, expected)

    def check_missed(self, user_id: str, since: str | None, limit: int) -> None:
        """After a start some gap may be suspected that is not there, never the reverse."""
        if self.may_have_holes and since is not None:
            missed = answer_to(self.store.messages.missed(user_id, since, limit))
            if not missed.complete:
                return
        super().check_missed(user_id, since, limit)

    def teardown(self) -> None:
        self.process.close()
        shutil.rmtree(self.path)


def picture_of(store: MemoryStore) -> dict[str, Any]:
    """Return what the store knows of chatrooms and bans."""
    data = store.data
    picture: dict[str, Any] = {
        "bans": [answer_to(store.moderation.ban_of(user)) for user in (*PEOPLE, "eve")],
        "emptied": sorted(data.archive.emptied()),
    }
    for room_id in data.archive.chatroom_ids:
        room = data.archive.chatroom(room_id)
        members, total, _ = answer_to(store.chatrooms.members(room_id, SYSTEM, "", 20))
        mutes = room.mutes or {}
        picture[room_id] = [
            (room.fields(), room.sequence, room.recalled, room.count, total),
            [(member.id, member.name, member.role) for member in members],
            {user: end for user, end in mutes.items() if end > data.archive.now_ms()},
        ]
    return picture


class JournalModelTests(SynchronousTestCase):
    def test_a_store_that_starts_again_answers_like_the_model(self) -> None:
        """Checkpoints come in portions of two, so that much happens between them."""
        self.patch(state, "PORTION", 2)
        self.patch(state, "ROOMS_OF_PORTION", 1)
        self.patch(restore, "AT_ONCE", 2)
        self.patch(settle, "AT_ONCE", 2)
        try:
            run_state_machine_as_test(JournalMachine, settings=settings(stateful_step_count=50))
        except Exception as error:
            print(*getattr(error, "__notes__", []), sep="\n")  # the steps: trial leaves them out
            raise
