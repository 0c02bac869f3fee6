from gim.model import User
from gim.push.chatroom import PushPolicy
from tests.support.world import ChatTestCase, result_of


class ChatroomPushTests(ChatTestCase):
    """With a duration of 1 s and the newest 3 messages."""

    def setUp(self) -> None:
        super().setUp()
        self.join("room", "ann", "bob")
        self.ann, self.bob = self.connect("ann"), self.connect("bob")

    def test_a_message_in_a_quiet_chatroom_is_pushed_at_once_by_itself(self) -> None:
        self.say("ann", "room", "1", "2")
        self.assertEqual((self.bob.contents, self.bob.times), ([["1"]], [0.0]))

    def test_the_sender_gets_it_too(self) -> None:
        self.say("ann", "room", "1")
        self.assertEqual(self.ann.contents, [["1"]])

    def test_the_next_push_comes_one_duration_later_with_what_came_in(self) -> None:
        self.say("ann", "room", "1")
        self.advance_to(0.25)
        self.say("bob", "room", "2")
        self.advance_to(0.5)
        self.say("ann", "room", "3")
        self.advance_to(0.999)
        self.assertEqual(self.bob.contents, [["1"]])
        self.advance_to(1.0)
        self.assertEqual((self.bob.contents, self.bob.times), ([["1"], ["2", "3"]], [0.0, 1.0]))

    def test_only_the_newest_are_pushed_and_skipped_counts_the_others(self) -> None:
        self.say("ann", "room", "1", "2", "3", "4", "5", "6")
        self.advance_to(1.0)
        self.assertEqual(self.bob.contents, [["1"], ["4", "5", "6"]])
        self.assertEqual(self.bob.skipped, [0, 2])

    def test_skipped_counts_anew_for_each_push(self) -> None:
        self.say("ann", "room", "1", "2", "3", "4", "5")
        self.advance_to(1.0)
        self.say("ann", "room", "6")
        self.advance_to(2.0)
        self.assertEqual(self.bob.skipped, [0, 1, 0])

    def test_a_busy_chatroom_is_pushed_once_a_duration(self) -> None:
        for tenth in range(50):
            self.advance_to(tenth / 10)
            self.say("ann", "room", str(tenth))
        self.assertEqual(self.bob.times, [0.0, 1.0, 2.0, 3.0, 4.0])

    def test_after_one_duration_without_a_push_the_chatroom_is_quiet_again(self) -> None:
        self.say("ann", "room", "1")
        self.advance_to(1.0)
        self.advance_to(1.3)
        self.say("ann", "room", "2")
        self.advance_to(1.5)
        self.say("ann", "room", "3")
        self.advance_to(3.0)
        self.assertEqual((self.bob.contents, self.bob.times), ([["1"], ["2"], ["3"]], [0.0, 1.3, 2.3]))

    def test_a_message_just_before_quiet_waits_for_the_tick(self) -> None:
        self.say("ann", "room", "1")
        self.advance_to(0.999)
        self.say("ann", "room", "2")
        self.assertEqual(self.bob.contents, [["1"]])
        self.advance_to(1.0)
        self.assertEqual(self.bob.contents, [["1"], ["2"]])

    def test_a_quiet_chatroom_costs_nothing(self) -> None:
        self.say("ann", "room", "1")
        self.advance_to(2.0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_chatrooms_have_intervals_of_their_own(self) -> None:
        self.join("den", "bob")
        self.say("ann", "room", "1")
        self.advance_to(0.5)
        self.say("bob", "den", "a", "b")
        self.say("ann", "room", "2")
        self.advance_to(1.5)
        self.assertEqual(self.bob.contents, [["1"], ["a"], ["2"], ["b"]])
        self.assertEqual(self.bob.times, [0.0, 0.5, 1.0, 1.5])

    def test_a_late_tick_does_not_shorten_the_next_interval(self) -> None:
        self.say("ann", "room", "1", "2")
        self.stall_to(1.75)  # the reactor was busy for 0.75 s
        self.say("ann", "room", "3")
        self.advance_to(2.0)
        self.advance_to(2.75)
        self.assertEqual(self.bob.times, [0.0, 1.75, 2.75])

    def test_after_leaving_no_push_comes(self) -> None:
        self.say("ann", "room", "1", "2")
        result_of(self.chat.leave("bob", "room"))
        self.advance_to(1.0)
        self.assertEqual((self.bob.contents, self.ann.contents), ([["1"]], [["1"], ["2"]]))

    def test_who_joins_while_online_gets_the_next_push(self) -> None:
        eve = self.connect("eve")
        self.say("ann", "room", "1", "2")
        self.join("room", "eve")
        self.advance_to(1.0)
        self.assertEqual(eve.contents, [["2"]])

    def test_a_member_gets_pushes_from_the_login_on(self) -> None:
        self.join("room", "eve")
        eve = self.connect("eve")
        self.say("ann", "room", "1")
        self.assertEqual(eve.contents, [["1"]])

    def test_all_connections_of_a_member_get_it(self) -> None:
        second = self.connect("bob")
        self.say("ann", "room", "1")
        self.assertEqual((self.bob.contents, second.contents), ([["1"]], [["1"]]))

    def test_one_push_is_shared_by_all(self) -> None:
        self.say("ann", "room", "1")
        self.assertIs(self.ann.pushes[0], self.bob.pushes[0])

    def test_the_title_is_the_chatrooms_name(self) -> None:
        result_of(self.chat.join(User("bob", "bob"), "den", "The den"))
        self.say("bob", "den", "1")
        self.assertEqual(self.bob.pushes[0].session.title, "The den")

    def test_leaving_and_coming_back_does_not_shorten_the_interval(self) -> None:
        self.say("ann", "room", "1")
        for user in "ann", "bob":
            result_of(self.chat.leave(user, "room"))
        self.join("room", "ann", "bob")
        self.advance_to(0.5)
        self.say("ann", "room", "2")
        self.advance_to(1.0)
        self.assertEqual(self.bob.times, [0.0, 1.0])

    def test_stopping_pushes_what_waits_and_ends_all_intervals(self) -> None:
        self.say("ann", "room", "1", "2", "3")
        self.advance_to(0.1)
        self.chat.flush()
        self.assertEqual(self.bob.contents, [["1"], ["2", "3"]])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_who_is_sent_away_gets_what_waits_and_the_others_get_it_with_the_next_push(self) -> None:
        self.say("ann", "room", "1", "2", "3", "4", "5")
        self.advance_to(0.1)
        self.pushes.flush_to(self.bob.login)
        self.assertEqual(self.bob.contents, [["1"], ["3", "4", "5"]])
        self.assertEqual(self.bob.skipped, [0, 1])
        self.assertEqual(self.ann.contents, [["1"]])
        self.disconnect(self.bob)
        self.advance_to(1.0)
        self.assertEqual(self.ann.contents, [["1"], ["3", "4", "5"]])
        self.assertEqual(len(self.bob.pushes), 2)

    def test_one_who_is_sent_away_while_nothing_waits_gets_nothing(self) -> None:
        self.say("ann", "room", "1")
        self.pushes.flush_to(self.bob.login)
        self.assertEqual(self.bob.contents, [["1"]])

    def test_nothing_is_kept_of_a_chatroom_that_nobody_here_is_in(self) -> None:
        self.say("ann", "room", "1")
        self.disconnect(self.ann)
        self.disconnect(self.bob)
        self.advance_to(1.0)
        self.assertEqual(self.pushes._pushers, {})


class CountZeroTests(ChatTestCase):
    policy = PushPolicy(interval=0.5, count=0)

    def test_all_messages_are_pushed(self) -> None:
        self.join("room", "bob")
        bob = self.connect("bob")
        self.say("bob", "room", *map(str, range(500)))
        self.advance_to(0.5)
        self.assertEqual([len(items) for items in bob.contents], [1, 499])
        self.assertEqual(bob.skipped, [0, 0])
