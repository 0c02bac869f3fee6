from tests.support.world import ChatTestCase, Recorder, result_of


class SlowReaderTests(ChatTestCase):
    """With a duration of 1 s and the newest 3 messages."""

    def setUp(self) -> None:
        super().setUp()
        self.join("room", "ann", "bob")
        self.ann, self.bob = self.connect("ann"), self.connect("bob")

    def test_a_congested_connection_gets_no_chatroom_push_and_the_others_do(self) -> None:
        self.bob.congested = True
        self.say("ann", "room", "1")
        self.assertEqual((self.bob.contents, self.ann.contents), ([], [["1"]]))

    def test_private_messages_still_go(self) -> None:
        self.bob.congested = True
        self.tell("ann", "bob", "hi")
        self.assertEqual(self.bob.contents, [["hi"]])

    def test_its_next_push_of_that_chatroom_counts_what_it_missed(self) -> None:
        self.bob.congested = True
        self.say("ann", "room", "1", "2", "3", "4", "5", "6")
        self.advance_to(1.0)
        self.bob.drain()
        self.say("ann", "room", "7")
        self.advance_to(2.0)
        self.assertEqual((self.bob.contents, self.bob.skipped), ([["7"]], [6]))
        self.assertEqual(self.ann.skipped, [0, 2, 0])

    def test_the_count_is_told_once(self) -> None:
        self.bob.congested = True
        self.say("ann", "room", "1", "2")
        self.bob.drain()
        self.advance_to(1.0)
        self.say("ann", "room", "3")
        self.advance_to(2.0)
        self.assertEqual(self.bob.skipped, [1, 0])

    def test_only_its_own_push_differs(self) -> None:
        self.bob.congested = True
        eve = self.connect("ann")
        self.say("ann", "room", "1", "2")
        self.bob.drain()
        self.advance_to(1.0)
        self.assertIs(self.ann.pushes[-1], eve.pushes[-1])
        self.assertIsNot(self.ann.pushes[-1], self.bob.pushes[-1])
        self.assertEqual(self.ann.skipped, [0, 0])

    def test_in_a_chatroom_gone_quiet_an_empty_push_tells_it_upon_draining(self) -> None:
        self.bob.congested = True
        self.say("ann", "room", "1")
        self.advance_to(5.0)
        self.assertEqual(self.bob.contents, [])
        self.bob.drain()
        self.assertEqual((self.bob.contents, self.bob.skipped), ([[]], [1]))
        self.assertEqual(self.bob.pushes[0].session.title, "chatroom:room")

    def test_one_that_has_drained_before_hears_it_when_the_chatroom_goes_quiet(self) -> None:
        self.bob.congested = True
        self.say("ann", "room", "1")
        self.bob.drain()
        self.assertEqual(self.bob.contents, [])
        self.advance_to(1.0)
        self.assertEqual((self.bob.contents, self.bob.skipped, self.bob.times), ([[]], [1], [1.0]))

    def test_still_congested_when_the_chatroom_goes_quiet_it_hears_it_later(self) -> None:
        self.bob.congested = True
        self.say("ann", "room", "1")
        self.bob.drain()
        self.bob.congested = True
        self.advance_to(3.0)
        self.assertEqual(self.bob.contents, [])
        self.bob.drain()
        self.assertEqual(self.bob.skipped, [1])

    def test_chatrooms_are_counted_each_for_itself(self) -> None:
        self.join("den", "ann", "bob")
        self.bob.congested = True
        self.say("ann", "room", "1")
        self.say("ann", "den", "a", "b")
        self.advance_to(5.0)
        self.bob.drain()
        told = {push.session.id: push.skipped for push in self.bob.pushes}
        self.assertEqual(told, {"1:room": 1, "1:den": 2})

    def assert_owed_nothing(self, connection: Recorder) -> None:
        before = len(connection.pushes)
        connection.drain()
        self.advance_to(9.0)
        self.assertEqual(len(connection.pushes), before)

    def test_who_leaves_the_chatroom_is_owed_nothing(self) -> None:
        self.bob.congested = True
        self.say("ann", "room", "1")
        result_of(self.chat.leave("bob", "room"))
        self.assert_owed_nothing(self.bob)

    def test_who_logs_out_is_owed_nothing(self) -> None:
        phone = self.connect("bob")
        self.bob.congested = phone.congested = True
        self.say("ann", "room", "1")
        self.disconnect(phone)
        self.assert_owed_nothing(phone)
        self.disconnect(self.bob)
        self.assert_owed_nothing(self.bob)

    def test_what_is_held_back_while_catching_up_is_told_to_the_connection(self) -> None:
        self.tell("ann", "eve", "old")
        eve = self.connect("eve", takes_all=False)
        self.tell("ann", "eve", "x" * 1000)
        self.assertEqual(eve.held_size // 1000, 1)
        self.tell("ann", "eve", "x" * 1000)
        self.assertEqual(eve.held_size // 1000, 2)
