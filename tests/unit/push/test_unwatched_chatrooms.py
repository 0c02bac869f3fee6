"""Chatrooms that no member is connected to for a while: what passes meanwhile is not seen here."""

from __future__ import annotations

from gim.ids import chatroom_session
from gim.model import Event, EventType, Message, User
from gim.storage.announcements import MessageStored, SessionEvent
from tests.support.world import ChatTestCase, Recorder, result_of


class ChatroomGapTests(ChatTestCase):
    """Ann talks over HTTP, so only bob's connections keep the chatroom watched. The interval is 1 s."""

    def setUp(self) -> None:
        super().setUp()
        self.join("room", "ann", "bob")
        self.bob = self.connect("bob")
        self.say("ann", "room", "1", "2")  # 2 waits for the interval

    def pass_unseen(self) -> None:
        self.say("ann", "room", "3", "4", "5")

    def assert_pushed_after_the_gap(self, connection: Recorder, *pushes: list[str]) -> None:
        before = len(connection.pushes)
        self.say("ann", "room", "6")
        self.advance_to(1.0)
        self.assertEqual((connection.contents[before:], set(connection.skipped)), (list(pushes), {0}))

    def test_what_waited_goes_with_the_last_connection(self) -> None:
        self.disconnect(self.bob)
        self.pass_unseen()
        self.assert_pushed_after_the_gap(self.connect("bob"), ["6"])

    def test_what_waited_goes_with_the_last_member_who_leaves(self) -> None:
        result_of(self.chat.leave("bob", "room"))
        self.pass_unseen()
        self.join("room", "bob")
        self.assert_pushed_after_the_gap(self.bob, ["6"])

    def test_what_waited_goes_with_the_last_member_who_is_removed(self) -> None:
        result_of(self.store.moderation.remove("room", "ann", "bob"))
        self.pass_unseen()
        self.join("room", "bob")
        self.assert_pushed_after_the_gap(self.bob, ["6"])

    def test_what_waited_goes_with_a_chatroom_that_is_dismissed(self) -> None:
        result_of(self.store.moderation.dismiss("room", "ann"))
        self.join("room", "ann", "bob")
        self.assert_pushed_after_the_gap(self.bob, ["6"])

    def test_another_connection_that_stays_keeps_what_waits(self) -> None:
        phone = self.connect("bob")
        self.disconnect(self.bob)
        self.pass_unseen()
        before, self.bob = len(phone.pushes), phone
        self.say("ann", "room", "6")
        self.advance_to(1.0)
        self.assertEqual((phone.contents[before:], phone.skipped[before:]), ([["4", "5", "6"]], [2]))

    def test_the_end_of_an_earlier_subscription_is_not_kept(self) -> None:
        self.disconnect(self.bob)
        at_ms = self.wall.now_ms()
        late = Message("f" * 32, "1:room", User("ann", "ann"), "text", "late", 0, 1, at_ms)
        self.pushes.on_announcement(MessageStored(late, chatroom_session("room"), "room", "", ""))
        self.pass_unseen()
        self.assert_pushed_after_the_gap(self.connect("bob"), ["6"])


class PushInProgressTests(ChatTestCase):
    """One push is written at a time, one connection in each iteration of the reactor."""

    concurrency = per_turn = per_chunk = 1

    def setUp(self) -> None:
        super().setUp()
        self.join("room", "ann", "bob", "eve")
        self.bob, self.eve = self.connect("bob"), self.connect("eve")

    def leave_and_come_back(self) -> None:
        for user_id in ("bob", "eve"):
            result_of(self.chat.leave(user_id, "room"))
        self.say("ann", "room", "unseen")
        self.join("room", "bob", "eve")

    def test_it_does_not_reach_those_who_come_back(self) -> None:
        self.say("ann", "room", "1")
        self.assertEqual((self.bob.contents, self.eve.contents), ([["1"]], []))
        self.leave_and_come_back()
        self.say("ann", "room", "2")
        self.advance_to(1.0)
        self.assertEqual((self.eve.contents, self.eve.skipped), ([["2"]], [0]))

    def test_one_that_waits_for_its_turn_goes_and_leaves_no_empty_push(self) -> None:
        self.join("den", "ann", "bob", "eve")
        self.say("ann", "den", "first")
        self.say("ann", "room", "1")
        self.leave_and_come_back()
        self.advance_to(0.5)
        self.assertEqual((self.bob.contents, self.eve.contents), ([["first"]], [["first"]]))

    def test_an_event_that_waits_does_not_reach_those_who_come_back(self) -> None:
        self.say("ann", "room", "1")
        event = Event(EventType.RENAMED, "ann", "1:room", name="Old")
        self.pushes.on_announcement(SessionEvent(chatroom_session("room"), event, ""))
        self.leave_and_come_back()
        self.advance_to(0.5)
        self.assertEqual((self.bob.events, self.eve.events), ([], []))
