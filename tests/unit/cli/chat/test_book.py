"""Conversations, what they are called, and what is unread in them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gim.cli.chat.book import Book
from gim.client.calls import Chatroom, SessionItem
from gim.client.events import User
from gim.errors import BadRequest
from tests.support.chat_client import message


class BookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.book = Book("ann")

    def found(self, word: str) -> str:
        return self.book.find(word).session

    def test_a_word_is_a_session_a_chatroom_or_a_user(self) -> None:
        self.book.take_list([SessionItem("1:hall", 1, "The Hall", None, 2)])
        for word, session in (
            ("1:den", "1:den"),
            ("2:bob:ann", "2:ann:bob"),
            ("#den", "1:den"),
            ("den", "1:den"),
            ("The Hall", "1:hall"),
            ("carl", "2:ann:carl"),
        ):
            self.assertEqual(self.found(word), session)
        for word in ("3:x", "a b", "#a/b", "ann", "2:ann:ann"):
            self.assertRaises(BadRequest, self.book.find, word)

    def test_an_id_of_both_a_user_and_a_chatroom_means_the_user(self) -> None:
        self.book.room("den")
        self.book.user("den")
        self.assertEqual(self.found("den"), "2:ann:den")

    def test_a_conversation_knows_its_word_and_its_receiver(self) -> None:
        room, user = self.book.room("den"), self.book.user("bob")
        self.assertEqual((room.word, room.receiver), ("#den", Chatroom("den")))
        self.assertEqual((user.word, user.receiver), ("bob", "bob"))

    def test_messages_of_others_are_unread_until_the_conversation_is_open(self) -> None:
        self.book.take(message(1, "bob", "hi"))
        self.book.take(message(2, "ann", "hi"))
        conversation, is_new = self.book.take(message(1, "bob", "hi"))
        self.assertEqual((conversation.unread, is_new), (1, False))
        self.assertEqual(self.book.unread(), [conversation])
        self.book.open = conversation
        self.book.take(message(3, "bob", "you there?"))
        self.book.take_list([SessionItem("2:ann:bob", 2, "Bob", message(3, "bob", "x"), 7)])
        self.assertEqual((conversation.unread, conversation.title), (0, "Bob"))

    def test_messages_are_in_order_and_the_oldest_go_first(self) -> None:
        bob = self.book.user("bob")
        for number in (*range(510), 3):
            bob.add(message(number, "bob", "x"))
        bob.add(message(20, "bob", "x"))
        numbers = [int(id, 16) for id in bob.messages]
        self.assertEqual(numbers, sorted(numbers))
        self.assertEqual((len(numbers), numbers[-1]), (500, 509))

    def test_what_is_recalled_is_empty_and_not_an_own_message(self) -> None:
        bob = self.book.user("bob")
        for number in (1, 2, 3):
            bob.add(message(number, "ann" if number != 2 else "bob", "x"))
        self.assertEqual([each.id[-1] for each in bob.own("ann")], ["3", "1"])
        recalled = bob.recall(message(3, "", "").id)
        self.assertEqual(recalled and recalled.content, "x")
        self.assertEqual([each.id[-1] for each in bob.own("ann")], ["1"])
        self.assertEqual(bob.last and bob.last.content, "")
        self.assertIsNone(bob.recall("none"))

    def test_users_are_called_by_name_unless_it_may_mislead(self) -> None:
        self.assertEqual(self.book.name_of("bob"), "bob")
        self.book.meet([User("bob", "Bob"), User("eve", "ann"), User("ann", "Ann"), User("x", "\x1b[2J")])
        self.assertEqual(self.book.name_of("bob"), "Bob")
        self.assertEqual(self.book.name_of("eve"), "ann (eve)")
        self.assertEqual(self.book.name_of("x"), "\\x1b[2J")
        self.assertEqual(self.book.name_of("."), "system")
        self.book.meet([User("bob2", "Bob")])
        self.assertEqual(self.book.name_of("bob"), "Bob (bob)")
        self.book.meet([User("bob2", "Robert")])
        self.assertEqual(self.book.name_of("bob"), "Bob")

    def test_a_title_stands_before_the_word_unless_it_says_nothing(self) -> None:
        room = self.book.room("den")
        for title, head in (
            ("", "#den"),
            ("den", "#den"),
            ("chatroom:den", "#den"),
            ("The \x07Den", "The \\x07Den (#den)"),
        ):
            room.title = title
            self.assertEqual(self.book.title_of(room), head)

    def test_one_that_has_ended_is_not_open_any_more(self) -> None:
        room = self.book.open = self.book.room("den")
        self.book.forget(room)
        self.assertEqual((self.book.open, list(self.book)), (None, []))
        self.book.forget(room)

    def test_sessions_of_a_kind_that_is_not_known_are_left_out(self) -> None:
        self.book.take_list([SessionItem("9:x", 9, "x", None, 0)])
        self.assertEqual(list(self.book), [])
