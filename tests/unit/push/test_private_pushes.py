from gim.model import User
from tests.support.world import ChatTestCase, result_of


class PrivatePushTests(ChatTestCase):
    def test_a_message_goes_at_once_to_all_connections_of_the_receiver(self) -> None:
        phone, desktop = self.connect("bob"), self.connect("bob")
        self.tell("ann", "bob", "hi")
        self.assertEqual(phone.contents, [["hi"]])
        self.assertEqual(desktop.contents, [["hi"]])

    def test_it_goes_to_the_other_connections_of_the_sender_but_not_back(self) -> None:
        phone, desktop = self.connect("ann"), self.connect("ann")
        self.tell("ann", "bob", "hi", origin=phone.key)
        self.assertEqual(phone.contents, [])
        self.assertEqual(desktop.contents, [["hi"]])

    def test_one_sent_from_no_connection_goes_to_all_of_the_sender(self) -> None:
        phone, desktop = self.connect("ann"), self.connect("ann")
        self.tell("ann", "bob", "hi")
        self.assertEqual(phone.contents + desktop.contents, [["hi"], ["hi"]])

    def test_the_title_is_the_name_of_the_other_as_the_reader_sees_it(self) -> None:
        ann, bob = self.connect("ann", "Ann"), self.connect("bob", "Bob")
        self.tell("ann", "bob", "hi")
        self.assertEqual([push.session.title for push in ann.pushes], ["Bob"])
        self.assertEqual([push.session.title for push in bob.pushes], ["Ann"])

    def test_the_title_of_somebody_who_never_logged_in_is_the_id(self) -> None:
        ann = self.connect("ann")
        self.tell("ann", "nobody", "hi")
        self.assertEqual([push.session.title for push in ann.pushes], ["nobody"])

    def test_a_push_bears_the_whole_message(self) -> None:
        bob = self.connect("bob")
        sent = self.tell("ann", "bob", "hi")
        (push,) = bob.pushes
        (message,) = push.items
        self.assertEqual((push.session.id, push.session.type, push.skipped), ("2:ann:bob", 2, 0))
        self.assertEqual((message.id, message.created_at), (sent.id, sent.created_at))
        self.assertEqual((message.sender, message.category), (User("ann", "ann"), "text"))

    def test_nobody_else_gets_it(self) -> None:
        eve = self.connect("eve")
        self.tell("ann", "bob", "hi")
        self.assertEqual(eve.contents, [])

    def test_after_logout_nothing_is_pushed(self) -> None:
        bob = self.connect("bob")
        self.join("room", "bob", "ann")
        self.disconnect(bob)
        self.tell("ann", "bob", "hi")
        self.say("ann", "room", "hello")
        self.assertEqual(bob.contents, [])

    def test_one_push_is_shared_by_all_connections_of_a_reader(self) -> None:
        phone, desktop = self.connect("bob"), self.connect("bob")
        self.tell("ann", "bob", "hi")
        self.assertIs(phone.pushes[0], desktop.pushes[0])

    def test_a_user_is_online_from_the_first_login_to_the_last_logout(self) -> None:
        self.join("room", "bob")  # so that bob is not forgotten
        phone, desktop = self.connect("bob"), self.connect("bob")
        self.disconnect(phone)
        self.assertTrue(result_of(self.chat.user("bob")).online)
        self.disconnect(desktop)
        self.assertFalse(result_of(self.chat.user("bob")).online)

    def test_an_announcement_that_fails_is_logged_and_harms_no_send(self) -> None:
        bob = self.connect("bob")
        self.patch(bob.login.connection, "deliver", lambda push: 1 / 0)
        self.tell("ann", "bob", "hi")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
